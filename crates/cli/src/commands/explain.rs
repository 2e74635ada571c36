//! `explain`: a formula as a computational graph, every value forward and every gradient backward.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use diagnostics::did_you_mean;
use diagnostics::table;
use gradus::graph::formula::{self, Formula, FormulaError};
use gradus::graph::{Compile, CompileError, Leaf, Node, NodeId, Program, RunArgs, Tensor};
use serde::Serialize;

use crate::output::print;

/// Show a formula as a computational graph: each value, and the gradient of the result with respect to it.
///
/// A formula may contain numbers, names, + - * / ^, parentheses, and the functions exp, ln, sqrt, sin, cos,
/// tanh, sigmoid and relu.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The formula, such as '(apple * count) * tax'.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    formula: String,

    /// The value of each name, such as apple=10 count=2 tax=1.1.
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = assignment)]
    at: Vec<(String, f64)>,

    /// Print one JSON object with full precision.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let formula = formula::parse(&args.formula).map_err(|error| anyhow!(diagnosis(&error)))?;
    let values = values(&formula.names(), &args.at)?;
    let explanation = Explanation::new(&args.formula, formula, &values)?;
    print(out, args.json, &explanation, Explanation::write)
}

fn assignment(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let number = value.trim().parse().ok().filter(|number: &f64| number.is_finite());
    let number = number.ok_or_else(|| format!("`{value}` is not a finite number"))?;
    Ok((name.trim().to_owned(), number))
}

/// The values of `names`, in their order.
fn values(names: &[&str], at: &[(String, f64)]) -> anyhow::Result<Vec<f64>> {
    for (i, (name, _)) in at.iter().enumerate() {
        ensure!(
            names.contains(&name.as_str()),
            "--at: `{name}` does not occur in the formula{}",
            did_you_mean(name, names.iter().copied())
        );
        ensure!(
            at[..i].iter().all(|(earlier, _)| earlier != name),
            "--at: `{name}` is given twice"
        );
    }
    let value = |name: &&str| at.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
    let missing = names.iter().filter(|name| value(name).is_none());
    let missing: Vec<String> = missing.map(|name| format!("{name}=…")).collect();
    ensure!(missing.is_empty(), "names without a value: add --at {}", missing.join(" "));
    Ok(names.iter().filter_map(value).collect())
}

/// What is wrong with the formula, and the formula with a caret under the mistake.
fn diagnosis(error: &FormulaError) -> String {
    let hint = did_you_mean(&error.text[error.span.clone()], error.known.iter().copied());
    format!("{error}{hint}\n\n{}", error.render())
}

/// A formula with the values and gradients of all its nodes.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    formula: &'a str,
    result: f64,
    nodes: Vec<NodeRow>,
}

/// A node of the graph. In JSON, a number that is not finite is `null`.
#[derive(Debug, Serialize)]
struct NodeRow {
    node: usize,
    op: &'static str,
    operands: Vec<usize>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    value: f64,
    /// The gradient of the result with respect to the value.
    gradient: f64,
}

impl<'a> Explanation<'a> {
    fn new(text: &'a str, formula: Formula, values: &[f64]) -> Result<Self, CompileError> {
        let Formula { graph, result } = formula;
        let options = Compile { loss: Some(result), keep_all: true, ..Compile::default() };
        let mut program = Program::new(graph, &options)?;
        program.run(&RunArgs { parameters: values, ..RunArgs::default() });

        let number = |kept: Option<Tensor<f64>>| kept.expect("everything is kept").values()[0];
        let row = |(id, node): (NodeId, &Node<f64>)| NodeRow {
            node: id.index(),
            op: node.op_name(),
            operands: node.operands().iter().map(|operand| operand.index()).collect(),
            name: node.name().to_owned(),
            value: match node.leaf() {
                Some(Leaf::Parameter(range)) => values[range.start],
                _ => number(program.value(id)),
            },
            gradient: number(program.gradient(id)),
        };
        let nodes: Vec<NodeRow> = program.graph().nodes().map(row).collect();
        Ok(Self { formula: text, result: nodes[result.index()].value, nodes })
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let headings = [">#", "<operation", ">value", ">gradient"];
        let cells = |row: &NodeRow| {
            let (value, gradient) = (six_digits(row.value), six_digits(row.gradient));
            [row.node.to_string(), self.operation(row), value, gradient]
        };
        table::write(out, headings, &self.nodes.iter().map(cells).collect::<Vec<_>>())?;
        writeln!(out, "\nresult = {}", six_digits(self.result))
    }

    /// What a node computes, as it is printed: `apple · count`, `exp(#4)`.
    fn operation(&self, row: &NodeRow) -> String {
        let operand = |i: usize| {
            let operand = &self.nodes[row.operands[i]];
            let is_leaf = operand.operands.is_empty();
            if is_leaf { self.operation(operand) } else { format!("#{}", operand.node) }
        };
        let infix = |symbol| format!("{} {symbol} {}", operand(0), operand(1));
        match row.op {
            "parameter" => row.name.clone(),
            "constant" => six_digits(row.value),
            "add" => infix('+'),
            "sub" => infix('-'),
            "mul" => infix('·'),
            "div" => infix('/'),
            "pow" => infix('^'),
            "neg" => format!("-{}", operand(0)),
            function => format!("{function}({})", operand(0)),
        }
    }
}

/// A number with up to six significant digits, rounded: 11.000000000000002 is `11`.
fn six_digits(value: f64) -> String {
    if value.is_nan() {
        return "undefined".into();
    }
    let rounded: f64 = format!("{value:.5e}").parse().expect("the text of a number");
    match rounded.abs() {
        // A negative zero prints as zero.
        0.0 => "0".into(),
        size if (1e-4..1e6).contains(&size) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

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

    /// The value and gradient of each node, by its operation.
    fn numbers(arguments: &[&str]) -> Vec<(String, f64, f64)> {
        let Cli { args } =
            Cli::try_parse_from(["explain"].iter().chain(arguments)).expect("arguments");
        let formula = formula::parse(&args.formula).expect("a formula");
        let values = values(&formula.names(), &args.at).expect("values");
        let explanation = Explanation::new(&args.formula, formula, &values).expect("a number");
        let of = |row| (explanation.operation(row), row.value, row.gradient);
        explanation.nodes.iter().map(of).collect()
    }

    /// Nodes from a text: `apple 100 2.2, tax 1.1 200`.
    fn nodes(text: &str) -> Vec<(&str, f64, f64)> {
        let node = |node| -> Option<_> {
            let (rest, gradient) = str::rsplit_once(node, ' ')?;
            let (op, value) = rest.rsplit_once(' ')?;
            Some((op, value.parse().ok()?, gradient.parse().ok()?))
        };
        text.split(", ").map(|text| node(text).expect(text)).collect()
    }

    /// Fails with all nodes whose value or gradient is more than `tolerance` off.
    #[track_caller]
    fn assert_near(got: &[(String, f64, f64)], want: &[(&str, f64, f64)], tolerance: f64) {
        assert_eq!(got.len(), want.len(), "{got:?}");
        let is_near =
            |((name, v, g), (op, value, gradient)): &(&(String, f64, f64), &(&str, f64, f64))| {
                name == op && (v - value).abs() <= tolerance && (g - gradient).abs() <= tolerance
            };
        let wrong: Vec<_> = got.iter().zip(want).filter(|pair| !is_near(pair)).collect();
        assert!(wrong.is_empty(), "got, wanted: {wrong:#?}");
    }

    #[test]
    fn g10_two_apples_at_100_pay_220() {
        let got = numbers(&["apple * count * tax", "--at", "apple=100", "count=2", "tax=1.1"]);
        let want = "apple 100 2.2, count 2 110, apple · count 200 1.1, tax 1.1 200, #2 · tax 220 1";
        assert_near(&got, &nodes(want), 1e-12);
    }

    #[test]
    fn g11_apples_and_oranges_pay_715() {
        let formula = "(apple * apple_count + orange * orange_count) * tax";
        let at = ["apple=100", "apple_count=2", "orange=150", "orange_count=3", "tax=1.1"];
        let got = numbers(&[&[formula, "--at"], &at[..]].concat());
        let want = "apple 100 2.2, apple_count 2 110, apple · apple_count 200 1.1, orange 150 3.3, \
            orange_count 3 165, orange · orange_count 450 1.1, #2 + #5 650 1.1, tax 1.1 650, #6 · tax 715 1";
        assert_near(&got, &nodes(want), 1e-12);
    }

    #[test]
    fn g12_the_square_of_a_sum_passes_twice_the_sum_to_both() {
        let got = numbers(&["(x + y)^2", "--at", "x=3", "--at", "y=2"]);
        let power = 25.0 * 5.0_f64.ln();
        let want = format!("x 3 10, y 2 10, x + y 5 10, 2 2 {power}, #2 ^ 2 25 1");
        assert_near(&got, &nodes(&want), 1e-12);
    }

    const CIRCUIT: [&str; 7] =
        ["1/(1+exp(-(w0*x0+w1*x1+w2)))", "--at", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"];

    #[test]
    fn g20_the_sigmoid_circuit_by_exact_values() {
        let e = (-1.0_f64).exp();
        let (sum, y) = (1.0 + e, 1.0 / (1.0 + e));
        let (square, d) = (y * y, y * (1.0 - y));
        let (twice, thrice) = (2.0 * d, 3.0 * d);
        let want = format!(
            "1 1 {y}, 1 1 -{square}, w0 2 -{d}, x0 -1 {twice}, w0 · x0 -2 {d}, w1 -3 -{twice}, x1 -2 -{thrice}, \
            w1 · x1 6 {d}, #4 + #7 4 {d}, w2 -3 {d}, #8 + w2 1 {d}, -#10 -1 -{d}, exp(#11) {e} -{square}, \
            1 + #12 {sum} -{square}, 1 / #13 {y} 1"
        );
        assert_near(&numbers(&CIRCUIT), &nodes(&want), 1e-15);
        let sigmoid = numbers(&["sigmoid(x)", "--at", "x=1"]);
        assert_near(&sigmoid, &nodes(&format!("x 1 {d}, sigmoid(x) {y} 1")), 1e-15);
    }

    #[test]
    fn g20_the_sigmoid_circuit_as_printed() {
        // The tutorial's -0.53, -0.20, 0.20, 0.39 and -0.59 with more digits.
        let want = " #  operation     value   gradient
 0  1                 1   0.731059
 1  1                 1  -0.534447
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
        assert_eq!(explain(&CIRCUIT).as_deref(), Ok(want));
    }

    #[test]
    fn a_name_used_twice_is_one_node_with_the_total_gradient() {
        let got = numbers(&["x * x", "--at", "x=3"]);
        assert_near(&got, &[("x", 3.0, 6.0), ("x · x", 9.0, 1.0)], 0.0);
    }

    #[test]
    fn json_has_the_same_numbers_with_all_digits() {
        let out = explain(&["-0.1 / x", "--json", "--at", "x=0.3"]).expect("json");
        let got: serde_json::Value = serde_json::from_str(&out).expect("one object");
        let (y, slope) = (-0.1 / 0.3, 0.1 / 0.3 / 0.3);
        let (none, name) = (serde_json::Value::Null, "x".into());
        let wanted: [(&str, &[usize], _, f64, f64); 4] = [
            ("constant", &[], &none, 0.1, -1.0 / 0.3),
            ("neg", &[0], &none, -0.1, 1.0 / 0.3),
            ("parameter", &[], &name, 0.3, slope),
            ("div", &[1, 2], &none, y, 1.0),
        ];
        assert_eq!((&got["formula"], &got["result"]), (&"-0.1 / x".into(), &y.into()));
        assert_eq!(got["nodes"].as_array().map(Vec::len), Some(wanted.len()));
        for (i, (op, operands, name, value, gradient)) in wanted.into_iter().enumerate() {
            let node = &got["nodes"][i];
            let error =
                |key: &str, want: f64| (node[key].as_f64().unwrap_or(f64::NAN) - want).abs();
            assert!(error("value", value) < 1e-15 && error("gradient", gradient) < 1e-15, "{node}");
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
    }

    #[test]
    fn a_mistake_is_shown_under_the_formula() {
        let unclosed = "an operator or `)`, found the end of the formula";
        let functions = "exp, ln, sqrt, sin, cos, tanh, sigmoid, relu";
        let name = format!("a function ({functions}), found `sigmiod`; did you mean `sigmoid`?");
        let cases = [
            ("(apple*count*tax", unclosed, "                ^"),
            ("2 * sigmiod(x)", &name, "    ^^^^^^^"),
            ("-x ? 1", "an operator or the end of the formula, found `?`", "   ^"),
        ];
        for (formula, found, carets) in cases {
            let want = format!("expected {found}\n\n{formula}\n{carets}");
            assert_eq!(explain(&[formula]), Err(want));
        }
    }

    #[test]
    fn values_must_fit_the_names() {
        let table = "
apple=1 | names without a value: add --at tax=…
 | names without a value: add --at apple=… tax=…
aple=1 tax=2 | --at: `aple` does not occur in the formula; did you mean `apple`?
apple=1 tax=2 z=3 | --at: `z` does not occur in the formula
apple=1 tax=2 apple=1 | --at: `apple` is given twice
apple=1 apple=2 | --at: `apple` is given twice";
        for (at, want) in table.lines().filter_map(|case| case.split_once(" | ")) {
            let at = at.split_whitespace().flat_map(|value| ["--at", value]);
            let arguments: Vec<&str> = ["apple * tax"].into_iter().chain(at).collect();
            assert_eq!(explain(&arguments), Err(want.into()));
        }
    }

    #[test]
    fn a_value_must_be_a_number() {
        for value in ["=ten", "=", "=nan", "=1e999", ""] {
            let at = format!("apple{value}");
            let error = explain(&["apple", "--at", &at]).expect_err(&at);
            let reason =
                value.strip_prefix('=').map(|value| format!("`{value}` is not a finite number"));
            let reason = reason.unwrap_or("expected NAME=VALUE".into());
            let want = format!("error: invalid value '{at}' for '--at <NAME=VALUE>...': {reason}");
            assert_eq!(error.lines().next(), Some(&want[..]));
        }
    }

    #[test]
    fn a_formula_may_begin_with_a_minus_sign() {
        for arguments in [["-x^2", "--at", "x=3"], ["--at=x=3", "--", "-x^2"]] {
            let out = explain(&arguments).expect("a table");
            assert!(out.ends_with("result = -9\n"), "{out}");
        }
    }

    #[test]
    fn numbers_have_six_digits_and_are_rounded() {
        let table = "11.000000000000002 11, 2.2 2.2, 0.30000000000000004 0.3, -0.0 0, 0.196611933 0.196612, \
            -0.3333333333333333 -0.333333, 123456.4 123456, 999999.9 1e6, 1234567 1.23457e6, \
            0.00012345678 0.000123457, 1.5e-7 1.5e-7, -inf -inf, nan undefined";
        for (value, want) in table.split(", ").filter_map(|case| case.split_once(' ')) {
            assert_eq!(six_digits(value.parse().expect("a number")), want, "{value}");
        }
    }
}
