//! Rows before their transforms, and what predictions are in the unit of the target, as Rust source.

use data::columns::ColumnKind;
use data::transforms::FittedTransform;
use data::transforms::date_parts::DatePart;
use data::{FittedColumn, FittedTarget, FittedTransforms};

use crate::runtime::Functions;
use crate::text::literal;

/// How a row of the data becomes features, as Rust source.
#[derive(Debug)]
pub(crate) struct RowSource {
    /// Numbers of a row.
    pub(crate) width: usize,
    /// The statements from `row` to `features`.
    pub(crate) body: String,
    /// What it calls.
    pub(crate) functions: Functions,
    /// The columns of a row.
    pub(crate) columns: String,
    /// The expression that brings `outputs` to the unit of the target; none if they have it.
    pub(crate) in_unit: Option<String>,
}

impl RowSource {
    /// Of the transforms of a model.
    ///
    /// # Errors
    ///
    /// The first column with a transform that crates have no function for, and the transform.
    pub(crate) fn new(transforms: &FittedTransforms) -> Result<Self, String> {
        let mut functions = Functions::default();
        let body = match transforms.stores_rows() {
            true => stored_rows(transforms.divisor().unwrap_or(1.0), &mut functions),
            false => encoded_rows(transforms, &mut functions)?,
        };
        let in_unit = in_unit(transforms.target());
        if in_unit.is_some() {
            functions.add("in_unit");
        }
        let (width, columns) = (transforms.raw_width(), columns(transforms));
        Ok(Self { width, body, functions, columns, in_unit })
    }
}

/// The statements for rows that are features, but for a divisor.
fn stored_rows(divisor: f32, functions: &mut Functions) -> String {
    if divisor == 1.0 {
        return "    *row\n".to_owned();
    }
    functions.add("map");
    format!(
        "    let mut features = *row;\n    ops::map(&mut features, |x| x / {divisor:?});\n    features\n"
    )
}

/// The statements for rows of columns with transforms of their own.
fn encoded_rows(
    transforms: &FittedTransforms,
    functions: &mut Functions,
) -> Result<String, String> {
    let mut lines = vec![format!("let mut features = [0.0; {}];", transforms.width())];
    let (mut place, mut feature) = (0, 0);
    for column in transforms.columns() {
        let mut source = ColumnSource {
            lines: Vec::new(),
            n_open: 0,
            flags: Vec::new(),
            functions: &mut *functions,
        };
        source.read(column, place);
        for transform in &column.transforms {
            source.apply(transform).map_err(|name| {
                format!("column `{}`: a static crate has no function for `{name}`", column.name)
            })?;
        }
        source.write(&mut feature);
        place += column.shape.iter().product::<usize>();
        lines.push(format!("// {}", column.name.replace(char::is_control, " ")));
        lines.append(&mut source.lines);
    }
    lines.push("features".to_owned());
    Ok(lines.iter().fold(String::new(), |body, line| body + "    " + line + "\n"))
}

/// The statements for a column. Its numbers are `x` between two transforms.
struct ColumnSource<'a> {
    lines: Vec<String>,
    /// How many they are.
    n_open: usize,
    /// What is written behind them.
    flags: Vec<String>,
    functions: &'a mut Functions,
}

impl ColumnSource<'_> {
    fn function(&mut self, name: &str) -> String {
        self.functions.add(name);
        format!("ops::{name}")
    }

    /// Sets `x` to so many numbers.
    fn set(&mut self, n: usize, value: String) {
        self.n_open = n;
        self.lines.push(format!("let x: [f64; {n}] = {value};"));
    }

    /// Reads the cell from its place in the row.
    fn read(&mut self, column: &FittedColumn, place: usize) {
        let n = column.shape.iter().product();
        let value = match column.kind {
            ColumnKind::WholeCategory | ColumnKind::Category => {
                let code = self.function("code");
                format!("[{code}(row[{place}], {})]", column.categories.len())
            }
            ColumnKind::Array => {
                let known = self.function("known");
                format!("core::array::from_fn(|i| {known}(row[{place} + i]))")
            }
            _ => format!("[{}(row[{place}])]", self.function("known")),
        };
        self.set(n, value);
    }

    /// Applies a transform.
    ///
    /// # Errors
    ///
    /// Its name, if there is no function for it.
    fn apply(&mut self, transform: &FittedTransform) -> Result<(), &'static str> {
        let n = self.n_open;
        match transform {
            FittedTransform::Impute(fitted) if fitted.values.is_empty() => {}
            FittedTransform::Impute(fitted) => {
                if fitted.flags.contains(&true) {
                    let name = format!("is_missing_{}", self.flags.len());
                    self.lines.push(format!("let {name} = x.map(f64::is_nan);"));
                    let flagged = fitted.flags.iter().enumerate().filter(|(_, flag)| **flag);
                    self.flags.extend(flagged.map(|(i, _)| format!("{name}[{i}]")));
                }
                let impute = self.function("impute");
                self.set(n, format!("{impute}(x, {})", numbers(&fitted.values)));
            }
            FittedTransform::Standardize(fitted) => {
                self.scale(&fitted.means, &fitted.deviations);
            }
            FittedTransform::RobustScale(fitted) => {
                self.scale(&fitted.medians, &fitted.scales);
                let clip = self.function("smooth_clip");
                self.set(n, format!("x.map(|x| {clip}(x, {}))", number(fitted.limit)));
            }
            FittedTransform::Divide(fitted) => {
                self.set(n, format!("x.map(|x| x / {})", number(fitted.by)));
            }
            FittedTransform::FrequentValues(fitted) => {
                let frequent = self.function("frequent_values");
                let values: Vec<String> =
                    fitted.values.iter().map(|values| format!("&{values:?}")).collect();
                let more: usize = fitted.values.iter().map(Vec::len).sum();
                self.set(n + more, format!("{frequent}(x, [{}])", values.join(", ")));
            }
            FittedTransform::Log(_) => {
                let log = self.function("log_magnitude");
                self.set(n, format!("x.map({log})"));
            }
            FittedTransform::OneHot(fitted) if fitted.is_sign => {
                let sign = self.function("sign_of_category");
                self.set(1, format!("[{sign}(x[0])]"));
            }
            FittedTransform::OneHot(fitted) => {
                let one_hot = self.function("one_hot_category");
                self.set(fitted.categories, format!("{one_hot}(x[0])"));
            }
            FittedTransform::Ordinal(_) => {
                self.set(n, "x.map(|code| if code.is_nan() { -1.0 } else { code })".to_owned());
            }
            FittedTransform::DateParts(parts) => {
                let date = self.function("Date");
                self.lines.push(format!("let date = {date}::new(x[0]);"));
                let parts: Vec<&str> = parts.parts.iter().map(|part| date_part(*part)).collect();
                self.set(parts.len(), format!("[{}]", parts.join(", ")));
            }
            FittedTransform::Resize(_) => return Err("resize"),
            FittedTransform::Crop(_) => return Err("crop"),
            FittedTransform::Gray(_) => return Err("gray"),
            FittedTransform::Color(_) => return Err("color"),
        }
        Ok(())
    }

    fn scale(&mut self, centers: &[f64], scales: &[f64]) {
        let scaled = self.function("scaled");
        let (centers, scales) = (numbers(centers), numbers(scales));
        self.set(self.n_open, format!("{scaled}(x, {centers}, {scales})"));
    }

    /// Writes the features, of which `feature` is the first, and moves on behind them.
    fn write(&mut self, feature: &mut usize) {
        let bounded = self.function("bounded");
        let end = *feature + self.n_open;
        self.lines.push(format!("{bounded}(&x, &mut features[{feature}..{end}]);"));
        *feature = end;
        for flag in std::mem::take(&mut self.flags) {
            self.lines.push(format!("features[{feature}] = f32::from(u8::from({flag}));"));
            *feature += 1;
        }
    }
}

fn date_part(part: DatePart) -> &'static str {
    match part {
        DatePart::Days => "date.days()",
        DatePart::Year => "date.year",
        DatePart::Month => "date.month",
        DatePart::Day => "date.day",
        DatePart::Weekday => "date.weekday()",
        DatePart::Hour => "date.hour()",
    }
}

/// A number as source.
fn number(value: f64) -> String {
    if value.is_infinite() { "f64::INFINITY".to_owned() } else { format!("{value:?}") }
}

fn numbers(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|&value| number(value)).collect();
    format!("[{}]", values.join(", "))
}

/// The columns of a row as source.
fn columns(transforms: &FittedTransforms) -> String {
    let columns = transforms.columns().iter().map(|column| {
        let categories: Vec<String> = column.categories.iter().map(|text| literal(text)).collect();
        let n_numbers: usize = column.shape.iter().product();
        format!(
            "    Column {{ name: {}, n_numbers: {n_numbers}, categories: &[{}] }},\n",
            literal(&column.name),
            categories.join(", ")
        )
    });
    columns.collect()
}

/// The expression that brings `outputs` to the unit of the target; none if they have it.
fn in_unit(target: Option<&FittedTarget>) -> Option<String> {
    match target {
        Some(target @ FittedTarget::Numbers { centers, scales, .. })
            if !target.scales().is_empty() =>
        {
            let (centers, scales) = (numbers(centers), numbers(scales));
            Some(format!("ops::in_unit(outputs, {centers}, {scales})"))
        }
        _ => None,
    }
}
