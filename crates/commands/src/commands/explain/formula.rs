//! `explain FORMULA`: every value and every gradient of a formula.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use diagnostics::table;
use gradus::explain::drawing::draw;
use gradus::explain::formula::{
    CheckedDerivative, EvaluatedFormula, Explained, Formula, FormulaError, FormulaMistake, Hessian,
    value,
};
use gradus::explain::{FormulaValue, six_digits};

use crate::output::{print, stderr};

#[derive(Debug, clap::Args)]
pub(crate) struct FormulaArgs {
    /// The value of each name, such as apple=10 count=2 tax=1.1 's=[3.2, 5.1, -1.7]'.
    #[arg(long, value_name = "NAME=VALUE", num_args = 1..)]
    at: Vec<String>,

    /// Only gradients with respect to these names.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    wrt: Vec<String>,

    /// Compare the gradient with finite differences.
    #[arg(long)]
    check: bool,

    /// Show the second derivatives too.
    #[arg(long)]
    hessian: bool,

    /// Draw the graph, values above and gradients below each edge.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(
    subject: Option<&str>,
    json: bool,
    args: &FormulaArgs,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let (text, at) = formula_and_values("--at", subject, &args.at)?;
    let text = text.context("expected a formula, such as '(apple * count) * tax'")?;
    let formula = Formula::parse(text).map_err(|mistake| anyhow!(diagnosis(&mistake)))?;
    let explained = explain(args, &formula, &at).map_err(|error| match error {
        FormulaError::Mistake(mistake) => anyhow!(diagnosis(&mistake)),
        FormulaError::MissingValues(names) => {
            let names: Vec<_> = names.iter().map(|name| format!("{name}=…")).collect();
            anyhow!("names without a value: add --at {}", names.join(" "))
        }
        error => anyhow!(error),
    })?;
    if let Some(file) = &args.svg {
        let picture = draw(&explained.evaluation)?.svg();
        fs::write(file, picture).with_context(|| format!("writing {}", file.display()))?;
    }
    print(out, json, &explained, |explained, out| write(&formula, explained, out))?;
    let checked = explained.check.iter().flatten();
    let mut exit = match checked.clone().all(|derivative| derivative.agrees) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    };
    if let Some(undefined) = &explained.evaluation.undefined {
        out.flush()?;
        writeln!(stderr(), "error: {}", undefined.message)?;
        exit = ExitCode::from(1);
    }
    Ok(exit)
}

fn explain(
    args: &FormulaArgs,
    formula: &Formula,
    at: &[(String, FormulaValue)],
) -> Result<Explained, FormulaError> {
    Ok(Explained {
        evaluation: formula.evaluate(at, &args.wrt)?,
        check: args.check.then(|| formula.check(at, &args.wrt)).transpose()?,
        hessian: args.hessian.then(|| formula.hessian(at, &args.wrt)).transpose()?,
    })
}

/// The formula, if one is given, and values of names.
pub(crate) type FormulaAndValues<'a> = (Option<&'a str>, Vec<(String, FormulaValue)>);

/// Reads the values of an option. The formula may stand behind them: `--at x=3 'x^2'` takes it for a value.
pub(crate) fn formula_and_values<'a>(
    option: &str,
    mut formula: Option<&'a str>,
    given: &'a [String],
) -> anyhow::Result<FormulaAndValues<'a>> {
    let mut values: Vec<(String, FormulaValue)> = Vec::new();
    for text in given {
        let Some((name, number)) = text.split_once('=') else {
            ensure!(
                formula.replace(text).is_none(),
                "{option}: expected NAME=VALUE, found `{text}`: there is a formula already"
            );
            continue;
        };
        let name = name.trim();
        let Some(number) = value(number) else {
            bail!(
                "{option}: expected a finite number or a vector such as [1, 2] for `{name}`, found `{number}`"
            );
        };
        let is_new = values.iter().all(|(earlier, _)| earlier != name);
        ensure!(is_new, "{option}: `{name}` is given twice");
        values.push((name.to_owned(), number));
    }
    Ok((formula, values))
}

/// What is wrong with the formula, and the formula with carets under the mistake.
pub(crate) fn diagnosis(mistake: &FormulaMistake) -> String {
    format!("{mistake}\n\n{}", mistake.render())
}

fn write(formula: &Formula, explained: &Explained, out: &mut dyn Write) -> io::Result<()> {
    let Explained { evaluation, check, hessian } = explained;
    if formula.is_rewritten() {
        writeln!(out, "read as {}\n", evaluation.read_as)?;
    }
    for name in &evaluation.given_constants {
        writeln!(out, "{name} has the value that is given, not that of the constant\n")?;
    }
    write_nodes(evaluation, out)?;
    if let Some(check) = check {
        write_check(check, out)?;
    }
    hessian.iter().try_for_each(|hessian| write_hessian(hessian, out))
}

fn write_nodes(evaluation: &EvaluatedFormula, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = evaluation
        .nodes
        .iter()
        .map(|node| {
            let gradient = node.gradient.as_ref().map_or("–".into(), ToString::to_string);
            [node.node.to_string(), node.operation.clone(), node.value.to_string(), gradient]
        })
        .collect();
    table::write(out, [">#", "<operation", ">value", ">gradient"], &rows)?;
    writeln!(out, "\nresult = {}", evaluation.result)?;
    if let FormulaValue::Vector(_) = evaluation.result {
        writeln!(out, "a vector has no gradients here: take an element, or sum(…)")?;
    }
    Ok(())
}

fn write_check(check: &[CheckedDerivative], out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = check
        .iter()
        .map(|derivative| {
            let number = |number: Option<f64>| number.map_or("–".into(), six_digits);
            let error = derivative.error.map_or("–".into(), |error| format!("{error:.1e}"));
            let verdict = match (derivative.numerical, derivative.agrees) {
                (None, _) => "a kink: not compared",
                (_, true) => "agrees",
                (_, false) => "differs",
            };
            let gradient = six_digits(derivative.gradient);
            [derivative.name.clone(), gradient, number(derivative.numerical), error, verdict.into()]
        })
        .collect();
    writeln!(out)?;
    table::write(out, ["<name", ">gradient", ">finite differences", ">error", "<verdict"], &rows)
}

fn write_hessian(hessian: &Hessian, out: &mut dyn Write) -> io::Result<()> {
    let names = hessian.names.iter().map(|name| format!(">{name}"));
    let headings: Vec<String> =
        std::iter::once("<second derivatives".to_owned()).chain(names).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let rows = hessian.names.iter().zip(&hessian.rows);
    let rows = rows.map(|(name, row)| {
        std::iter::once(name.clone()).chain(row.iter().map(|&x| six_digits(x))).collect::<Vec<_>>()
    });
    writeln!(out)?;
    table::write(out, &headings[..], &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{ExplainArgs, run};

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: ExplainArgs,
    }

    /// What `gradus explain` prints for these arguments, or its error.
    fn explain(arguments: &[&str]) -> Result<String, String> {
        let arguments = ["explain"].iter().chain(arguments);
        let Cli { args } = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        run(&args, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn g20_the_sigmoid_circuit_as_printed() {
        let circuit =
            ["1/(1+exp(-(w0*x0+w1*x1+w2)))", "--at", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"];
        // The tutorial's -0.53, -0.20, 0.20, 0.39 and -0.59 with more digits.
        let want = " #  operation     value   gradient
 0  1                 1          –
 1  1                 1          –
 2  w0                2  -0.196612
 3  x0               -1   0.393224
 4  w0 · x0          -2   0.196612
 5  w1               -3  -0.393224
 6  x1               -2  -0.589836
 7  w1 · x1           6   0.196612
 8  #4 + #7           4   0.196612
 9  w2               -3   0.196612
10  #8 + w2           1   0.196612
11  -#10             -1  -0.196612
12  exp(#11)   0.367879  -0.534447
13  1 + #12     1.36788  -0.534447
14  1 / #13    0.731059          1

result = 0.731059
";
        assert_eq!(explain(&circuit).as_deref(), Ok(want));
    }

    #[test]
    fn g17_with_vectors_as_printed() {
        let want = "read as -ln(softmax(s)[0])

#  operation                         value                              gradient
0  s                      [3.2, 5.1, -1.7]  [-0.870017, 0.86905, 0.000967926]
1  softmax(s)  [0.129983, 0.86905, 0.000967926]                    [-7.69334, 0, 0]
";
        let found = explain(&["-log(softmax(s)[0])", "--at", "s=[3.2, 5.1, -1.7]"]).unwrap();
        // The columns are as wide as their numbers: only words are compared.
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (found, want) = (words(&found), words(want));
        assert_eq!(found[..want.len()], want);
        assert_eq!(found[found.len() - 3..], ["result", "=", "2.04036"]);
    }

    #[test]
    fn chinese_names_line_up() {
        let want = "#  operation    value  gradient
0  价格            10         2
1  数量             2        10
2  价格 · 数量     20         1

result = 20
";
        assert_eq!(explain(&["价格*数量", "--at", "价格=10", "数量=2"]).as_deref(), Ok(want));
        let error = explain(&["价格 + * 2"]).unwrap_err();
        assert!(error.ends_with("\n\n价格 + * 2\n       ^"), "{error}");
    }

    #[test]
    fn json_has_the_same_numbers_with_all_digits() {
        let out = explain(&["-0.1 / x", "--json", "--at", "x=0.3"]).expect("json");
        let got: serde_json::Value = serde_json::from_str(&out).expect("one object");
        let (y, slope) = (-0.1 / 0.3, 0.1 / 0.3 / 0.3);
        let (none, name) = (serde_json::Value::Null, "x".into());
        let wanted: [(&str, &[usize], _, f64, f64); 4] = [
            ("constant", &[], &none, 0.1, f64::NAN),
            ("neg", &[0], &none, -0.1, f64::NAN),
            ("parameter", &[], &name, 0.3, slope),
            ("div", &[1, 2], &none, y, 1.0),
        ];
        assert_eq!((&got["formula"], &got["result"]), (&"-0.1 / x".into(), &y.into()));
        assert_eq!(got["nodes"].as_array().map(Vec::len), Some(wanted.len()));
        for (i, (op, operands, name, value, gradient)) in wanted.into_iter().enumerate() {
            let node = &got["nodes"][i];
            let is = |key: &str, want: f64| match node[key].as_f64() {
                Some(found) => (found - want).abs() < 1e-15,
                None => want.is_nan(),
            };
            assert!(is("value", value) && is("gradient", gradient), "{node}");
            assert_eq!((&node["node"], &node["op"]), (&i.into(), &op.into()));
            assert_eq!((&node["operands"], &node["name"]), (&operands.into(), name));
        }
    }

    #[test]
    fn a_value_that_does_not_exist_is_called_undefined() {
        let out = explain(&["ln(x)", "--at", "x=-1"]).expect("a table");
        assert!(out.ends_with("result = undefined\n"), "{out}");
        let json = explain(&["ln(x)", "--at", "x=-1", "--json"]).expect("json");
        assert!(json.contains("\"result\":null"), "{json}");
        assert!(json.contains("\"message\":\"logarithm of -1 at `ln(x)`\""), "{json}");
    }

    #[test]
    fn a_mistake_is_shown_under_the_formula() {
        let unclosed = "an operator or `)`, found the end of the formula";
        let functions = "exp, ln, log10, sqrt, sin, cos, tanh, sigmoid, relu, gelu, abs, step, softmax, sum, mean, max, min";
        let name = format!("a function ({functions}), found `sigmiod`; did you mean `sigmoid`?");
        let product = format!("a function ({functions}), found `x`; for a product write `x * (`");
        let cases = [
            ("(apple*count*tax", unclosed, "                ^"),
            ("2 * sigmiod(x)", &name, "    ^^^^^^^"),
            ("x(y+1)", &product, "^"),
            ("-x ? 1", "an operator or the end of the formula, found `?`", "   ^"),
        ];
        for (formula, found, carets) in cases {
            let want = format!("expected {found}\n\n{formula}\n{carets}");
            assert_eq!(explain(&[formula]), Err(want));
        }
        let want = "expected a vector in softmax(…), found the number `x`\n\nsoftmax(x)\n        ^";
        assert_eq!(explain(&["softmax(x)", "--at", "x=1"]), Err(want.into()));
    }

    #[test]
    fn values_must_fit_the_names() {
        let table = "
apple=1 | names without a value: add --at tax=…
 | names without a value: add --at apple=… tax=…
aple=1 tax=2 | `aple` does not occur in the formula; did you mean `apple`?
apple=1 tax=2 apple=1 | --at: `apple` is given twice
apple=ten | --at: expected a finite number or a vector such as [1, 2] for `apple`, found `ten`
apple= | --at: expected a finite number or a vector such as [1, 2] for `apple`, found ``
apple=1e999 | --at: expected a finite number or a vector such as [1, 2] for `apple`, found `1e999`
apple=1 tax | --at: expected NAME=VALUE, found `tax`: there is a formula already";
        for (at, want) in table.lines().filter_map(|case| case.split_once(" | ")) {
            let at = at.split_whitespace().flat_map(|value| ["--at", value]);
            let arguments: Vec<&str> = ["apple * tax"].into_iter().chain(at).collect();
            assert_eq!(explain(&arguments), Err(want.into()));
        }
    }

    #[test]
    fn options_stand_in_any_order_and_a_formula_may_begin_with_a_minus_sign() {
        for arguments in [
            &["-x^2", "--at", "x=3"][..],
            &["--at=x=3", "--", "-x^2"],
            &["--at", "x=3", "-x^2"],
            &["--at", "x=9/3", "--json", "-x^2"],
        ] {
            let out = explain(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
            assert!(out.ends_with("result = -9\n") || out.contains("\"result\":-9.0"), "{out}");
        }
        let error = explain(&["--at", "x=3"]).unwrap_err();
        assert_eq!(error, "expected a formula, such as '(apple * count) * tax'");
    }

    #[test]
    fn what_was_added_to_the_formula_is_shown() {
        let out = explain(&["2x²", "--at", "x=3"]).unwrap();
        assert!(out.starts_with("read as 2 * x^2\n\n#") && out.ends_with("result = 18\n"), "{out}");
        let out = explain(&["e + 1", "--at", "e=3"]).unwrap();
        assert!(
            out.starts_with("e has the value that is given, not that of the constant\n"),
            "{out}"
        );
    }

    #[test]
    fn gradients_are_checked_and_derived_again() {
        let out =
            explain(&["x^3 + relu(y)", "--at", "x=2", "y=0", "--check", "--hessian"]).unwrap();
        let (_, tables) = out.split_once("result = 8\n\n").expect("tables below");
        let want = "name  gradient  finite differences    error  verdict
x           12                  12  ";
        assert!(tables.starts_with(want), "{tables}");
        assert!(
            tables.contains("y            0                   –        –  a kink: not compared"),
            "{tables}"
        );
        let want = "
second derivatives   x  y
x                   12  0
y                    0  0
";
        assert!(tables.ends_with(want), "{tables}");
    }
}
