//! The language, its worked values, and what is refused.

use super::operations::{FUNCTIONS, function_names};
use super::{Cause, EvaluatedFormula, Formula, FormulaError, FormulaPass, MAX_DEPTH, MAX_TEXT};
use crate::FormulaValue;

/// Values from a text: `x=3 s=[1, 2]`.
fn values(at: &str) -> Vec<(String, FormulaValue)> {
    let value = |text: &str| match text.strip_prefix('[') {
        Some(rest) => {
            let elements = rest.trim_end_matches(']').split(',').map(|x| x.parse().unwrap());
            FormulaValue::Vector(elements.collect())
        }
        None => FormulaValue::Number(text.parse().unwrap()),
    };
    let pairs = at.split_whitespace().map(|pair| pair.split_once('=').expect("name=value"));
    pairs.map(|(name, text)| (name.to_owned(), value(text))).collect()
}

/// A formula with those values that it has names for.
fn evaluate(text: &str, at: &str) -> EvaluatedFormula {
    let formula = Formula::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut at = values(at);
    at.retain(|(name, _)| formula.names().contains(name));
    formula.evaluate(&at, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The gradient for a name.
fn gradient(evaluation: &EvaluatedFormula, name: &str) -> Vec<f64> {
    let node = evaluation.nodes.iter().find(|node| node.name == name).expect(name);
    node.gradient.as_ref().expect("a gradient").elements().to_vec()
}

#[track_caller]
fn assert_near(found: &[f64], want: &[f64], tolerance: f64) {
    let is_near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance;
    let all = found.len() == want.len() && found.iter().zip(want).all(is_near);
    assert!(all, "{found:?}, expected {want:?}");
}

/// Cases `formula = value`, with semicolons between them.
#[track_caller]
fn assert_values(cases: &str, at: &str) {
    for case in cases.split("; ") {
        let (text, want) = case.rsplit_once(" = ").expect("a formula and its value");
        let found = evaluate(text, at).result.number().expect("a number");
        let want: f64 = want.parse().expect("a number");
        assert!((found - want).abs() < 1e-12, "{text} is {found}, expected {want}");
    }
}

#[test]
fn operators_bind_as_in_maths() {
    assert_values("1 + 2 * 3 = 7; (1 + 2) * 3 = 9; 1 - 2 * 3 ^ 2 / 6 + 4 = 2", "");
    assert_values("7 - 2 - 1 = 4; 16 / 4 / 2 = 2; 2 * 6 / 3 * 2 = 8", "");
    assert_values("-2^2 = -4; (-2)^2 = 4; --3 = 3; 2 - -3 = 5; 2 * -3 + 1 = -5; -2 * 3 = -6", "");
    assert_values("2^-1 = 0.5; 2^-1 * 6 = 3; 2^3^2 = 512; 2^-2^2 = 0.0625; 2 * 3^2 = 18", "");
}

#[test]
fn numbers_are_read_in_the_usual_notations() {
    assert_values("1e-3 = 0.001; 1.5E+2 = 150; .5 = 0.5; 5. = 5; 2e3 = 2000; 0 = 0", "");
}

#[test]
fn functions_are_those_of_the_graph() {
    let (x, at): (f64, _) = (0.7, "x=0.7 s=[1,3,-2]");
    let e = [1.0, 3.0, -2.0].map(f64::exp);
    let cases = [
        ("exp(x)", x.exp()),
        ("ln(x)", x.ln()),
        ("log(x)", x.ln()),
        ("log10(x)", x.log10()),
        ("sqrt(x)", x.sqrt()),
        ("sin(x)", x.sin()),
        ("cos(x)", x.cos()),
        ("tanh(x)", x.tanh()),
        ("sigmoid(x)", 1.0 / (1.0 + (-x).exp())),
        ("relu(x)", x),
        ("relu(-x)", 0.0),
        // The normal distribution at 0.7.
        ("gelu(x)", 0.7 * 0.758_036_347_776_926_9),
        ("step(-x)", 0.0),
        ("abs(-x)", x),
        ("step(x) - step(-x)", 1.0),
        ("softmax(s)[1]", e[1] / (e[0] + e[1] + e[2])),
        ("sum(s)", 2.0),
        ("mean(s)", 2.0 / 3.0),
        ("max(s)", 3.0),
        ("min(s)", -2.0),
        ("max(x, 1)", 1.0),
        ("max(s, x)[2]", x),
        ("min(x, 1)", x),
        ("exp(ln(x) * 2) + 1", x * x + 1.0),
    ];
    for (text, want) in cases {
        let found = evaluate(text, at);
        assert_near(&[found.result.number().unwrap()], &[want], 1e-12);
    }
    for name in function_names() {
        assert!(cases.iter().any(|(text, _)| text.starts_with(name)), "{name} has no case");
    }
    assert_eq!(FUNCTIONS.len(), function_names().count() + 2, "max and min stand for two each");
}

#[test]
fn numbers_go_with_every_element_of_a_vector() {
    for (text, want) in [
        ("[1, 2] * 3", vec![3.0, 6.0]),
        ("1 / [1, 2, 4]", vec![1.0, 0.5, 0.25]),
        ("[1, -2]^2 + [1, 1]", vec![2.0, 5.0]),
        ("[x, 2 * x][1] * [x]", vec![18.0]),
        ("exp([0])", vec![1.0]),
        ("-[1, 2]", vec![-1.0, -2.0]),
    ] {
        assert_eq!(evaluate(text, "x=3").result, FormulaValue::Vector(want), "{text}");
    }
    let squares = evaluate("sum((s - m)^2)", "s=[1,2,6] m=3");
    assert_eq!(squares.result, FormulaValue::Number(14.0));
    assert_eq!(gradient(&squares, "s"), [-4.0, -2.0, 6.0]);
    assert_eq!(gradient(&squares, "m"), [0.0]);
}

#[test]
fn constants_have_their_values_unless_they_are_given_one() {
    assert_values("pi = 3.141592653589793; π = 3.141592653589793; e = 2.718281828459045", "");
    assert_values("2e = 5.43656365691809; 2pi = 6.283185307179586", "");
    let given = evaluate("e * x", "e=3 x=2");
    assert_eq!((given.result, given.given_constants), (6.0.into(), vec!["e".to_owned()]));
    assert_eq!(evaluate("e^x", "x=0").given_constants, Vec::<String>::new());
    let formula = Formula::parse("e * x * π").unwrap();
    assert_eq!(formula.names(), ["e", "x", "π"]);
    assert_eq!(formula.unknowns().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn what_is_pasted_is_read_as_it_was_meant() {
    for (text, want) in [
        ("x²", "x^2"),
        ("x⁻¹ + x¹⁰", "x^-1 + x^10"),
        ("2x² − 3·x ÷ 4", "2 * x^2 - 3 * x / 4"),
        ("x**2 × y", "x^2 * y"),
        ("x²y", "x^2 * y"),
        ("2(x + 1)", "2 * (x + 1)"),
        ("(x + y)(x - y)", "(x + y) * (x - y)"),
        ("3sin(x)", "3 * sin(x)"),
        ("log(x)", "ln(x)"),
        ("（价格 × 数量）× 1.1", "价格 * 数量 * 1.1"),
        ("2e^x", "2 * e^x"),
        ("2e3x", "2000 * x"),
        ("-2x", "-2 * x"),
        ("x - (y - z) / (a * b) / -c", "x - (y - z) / (a * b) / -c"),
        ("((x)^2)^(-(y))", "(x^2)^-y"),
        ("x^2^3", "x^2^3"),
        ("-(x + 1)^2", "-(x + 1)^2"),
        ("[1, -2.5][0] * max(s, 1e-30)", "[1, -2.5][0] * max(s, 1e-30)"),
    ] {
        let formula = Formula::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(formula.read_as(), want, "{text}");
        let again = Formula::parse(want).unwrap();
        assert_eq!((again.read_as().as_str(), again.is_rewritten()), (want, false));
        // Spaces and parentheses that change nothing are not worth a line.
        let differs = text.contains(|c: char| "²⁻¹−÷·×（e".contains(c))
            || ["**", "2(", ")(", "3s", "log", "2x"].iter().any(|sign| text.contains(sign));
        assert_eq!(formula.is_rewritten(), differs && !text.contains("1e-30"), "{text}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_with_what_to_write() {
    for (text, found, advice) in [
        ("x(y + 1)", "`x`", "; for a product write `x * (`"),
        ("1/2x", "`x`", "; after `/` and `^` it could be read in two ways"),
        ("2^3x", "`x`", "; after `/` and `^` it could be read in two ways"),
        ("6/2(1 + 2)", "`(`", "; after `/` and `^` it could be read in two ways"),
        ("1/(2)(3)", "`(`", "; after `/` and `^` it could be read in two ways"),
        ("x²^3", "`^`", "; x²^3 could be read in two ways"),
        ("(x)2", "`2`", "; write `* 2` or `^ 2`"),
        ("2 x", "`x`", "; for a product write `* x`"),
        ("x y", "`y`", "; for a product write `* y`"),
        ("s[0]x", "`x`", "; for a product write `* x`"),
        ("1,5 * x", "`,`", "; decimals have a point: 1.5"),
        ("√x", "`√`", "; write sqrt(…)"),
        ("|x|", "`|`", "; write abs(…) for a magnitude"),
        ("10%", "`%`", "; write a fraction such as 0.1"),
        ("x = 3", "`=`", "; the values of names are given beside the formula"),
        ("2 * sigmiod(x)", "`sigmiod`", "; did you mean `sigmoid`?"),
        ("lg10(x)", "`lg10`", "; did you mean `log10`?"),
    ] {
        let mistake = Formula::parse(text).expect_err(text);
        assert_eq!((mistake.found.as_str(), mistake.advice.as_str()), (found, advice), "{text}");
    }
}

#[test]
fn mistakes_say_what_was_expected_and_found_and_where() {
    const OPERAND: &str = "a number, a name, a function, `-`, `(` or `[`";
    const END: &str = "an operator or the end of the formula";
    const CLOSE: &str = "an operator or `)`";
    let cases = [
        ("", OPERAND, "the end of the formula", 0..0),
        (" \t ", OPERAND, "the end of the formula", 3..3),
        ("1 +", OPERAND, "the end of the formula", 3..3),
        ("+1", OPERAND, "`+`", 0..1),
        ("2 * / 3", OPERAND, "`/`", 4..5),
        ("()", OPERAND, "`)`", 1..2),
        ("2 x", END, "`x`", 2..3),
        ("1.2.3", END, "`.3`", 3..5),
        ("x)", END, "`)`", 1..2),
        ("(a + b", CLOSE, "the end of the formula", 6..6),
        ("exp(x, y)", "1 operand of exp", "2", 0..9),
        ("max()", "1 or 2 operands of max", "0", 0..5),
        ("[1, 2", "an operator, `,` or `]`", "the end of the formula", 5..5),
        ("s[x]", "the index of an element: 0, 1, 2, …", "`x`", 2..3),
        ("s[-1]", "the index of an element: 0, 1, 2, …", "`-`", 2..3),
        ("s[1.5]", "the index of an element: 0, 1, 2, …", "`1.5`", 2..5),
        ("sin x", "`(` after the function sin", "`x`", 4..5),
        ("sin²(x)", "`(` after the function sin", "`²`", 3..5),
        ("xⁿ", "raised digits, or a power as `^n`", "`ⁿ`", 1..4),
        (".", "a number", "`.`", 0..1),
        ("1e999", "a number up to 1.7976931348623157e308", "`1e999`", 0..5),
    ];
    for (text, expected, found, span) in cases {
        let error = Formula::parse(text).expect_err(text);
        let got = (error.expected.as_str(), error.found.as_str(), error.span.clone());
        assert_eq!(got, (expected, found, span), "{text:?}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_shown_at_their_place() {
    let cases = [
        ("softmax(x)", "a vector in softmax(…)", "the number `x`", 8..9),
        ("sum(2 * x)", "a vector in sum(…)", "the number `2 * x`", 4..9),
        ("s + [1, 2]", "vectors of equally many elements", "3 and 2 elements", 0..10),
        ("1 + s[3]", "an index from 0 to 2", "`s[3]`", 4..8),
        ("x[0]", "a vector before `[`", "the number `x`", 0..1),
        ("[s, x]", "a number as element", "the vector `s`", 1..2),
        ("[]", "one element or more", "`[]`", 0..2),
    ];
    for (text, expected, found, span) in cases {
        let formula = Formula::parse(text).expect(text);
        let mut at = values("x=1 s=[1,2,3]");
        at.retain(|(name, _)| formula.names().contains(name));
        let error = formula.evaluate(&at, &[]).expect_err(text);
        let FormulaError::Mistake(error) = error else { panic!("{text}: {error}") };
        let got = (error.expected.as_str(), error.found.as_str(), error.span.clone());
        assert_eq!(got, (expected, found, span), "{text:?}");
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_at_once() {
    for nest in ["(", "-", "2^", "exp(", "["] {
        let error = Formula::parse(&nest.repeat(2_000)).expect_err(nest);
        let expected = "at most 256 parentheses, powers and minus signs within each other";
        assert_eq!(error.expected, expected);
        assert_eq!(error.span.start, nest.len() * MAX_DEPTH, "{nest}");
    }
    let deepest = format!("{}x{}", "(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1));
    assert_eq!(evaluate(&deepest, "x=3").result, 3.0.into());
    let error = Formula::parse(&"1+".repeat(MAX_TEXT / 2 + 1)).expect_err("too long");
    assert_eq!((error.expected.as_str(), error.span.start), ("at most 10000 bytes", MAX_TEXT));

    // A long formula is not a deep one.
    let sum = evaluate(&vec!["x"; 2000].join("+"), "x=1");
    assert_eq!((&sum.result, gradient(&sum, "x")), (&2000.0.into(), vec![2000.0]));
    assert_eq!(sum.read_as.len(), 2000 + 1999 * 3);

    let wide = Formula::parse(&vec!["s"; 200].join("+")).unwrap();
    let at = |n| vec![("s".to_owned(), FormulaValue::Vector(vec![1.0; n]))];
    assert!(wide.evaluate(&at(100), &[]).is_ok());
    let error = wide.evaluate(&at(1000), &[]).expect_err("too many elements").to_string();
    assert!(error.starts_with("expected at most 1000 elements, 100000 in all values"), "{error}");
    let error = wide.evaluate(&at(1001), &[]).expect_err("too long").to_string();
    assert_eq!(error, "`s` has 1001 elements, expected 1 to 1000");
    let mixed = Formula::parse(&format!("[{}]", vec!["x"; 33].join(","))).unwrap();
    let error = mixed.evaluate(&values("x=1"), &[]).expect_err("too many operands").to_string();
    assert!(error.starts_with("expected at most 32 elements in a vector with names"), "{error}");
}

#[test]
fn values_must_fit_the_names() {
    let formula = Formula::parse("apple * tax * pi").unwrap();
    for (at, wrt, want) in [
        ("apple=1", "", "names without a value: tax"),
        ("", "", "names without a value: apple, tax"),
        ("aple=1 tax=2", "", "`aple` does not occur in the formula; did you mean `apple`?"),
        ("apple=1 tax=2 z=3", "", "`z` does not occur in the formula"),
        ("apple=1 tax=2 apple=1", "", "`apple` is given twice"),
        ("apple=1 tax=nan", "", "`tax` has the value undefined, expected finite numbers"),
        ("apple=1 tax=2", "tx", "`tx` does not occur in the formula; did you mean `tax`?"),
        ("apple=1 tax=2", "pi", "`pi` is a constant, expected a name"),
    ] {
        let wrt: Vec<String> = wrt.split_whitespace().map(str::to_owned).collect();
        let error = formula.evaluate(&values(at), &wrt).expect_err(at);
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn a_name_of_any_script_may_be_used_twice_or_stand_alone() {
    assert_eq!(
        Formula::parse("größe_2 * x₀ + 苹果 - x₀").unwrap().names(),
        ["größe_2", "x₀", "苹果"]
    );
    // d(x² + 3x)/dx = 2x + 3
    let twice = evaluate("x * x + 3 * x", "x=5");
    assert_eq!((&twice.result, gradient(&twice, "x")), (&40.0.into(), vec![13.0]));
    assert_eq!(twice.nodes.iter().filter(|node| node.name == "x").count(), 1);
    let alone = evaluate("x", "x=3");
    assert_eq!((&alone.result, gradient(&alone, "x")), (&3.0.into(), vec![1.0]));
    assert_eq!(evaluate("(((2)))", "").result, 2.0.into());
    assert_eq!(evaluate("(x - mean) / max", "x=5 mean=1 max=2").result, 2.0.into());
}

#[test]
fn gradients_are_of_variables_and_a_node_has_the_sum_of_what_flows_to_it() {
    let formula = Formula::parse("x * y + x^2 + 3").unwrap();
    let at = values("x=-2 y=5");
    let all = formula.evaluate(&at, &[]).unwrap();
    assert_eq!((gradient(&all, "x"), gradient(&all, "y")), (vec![1.0], vec![-2.0]));
    assert!(all.undefined.is_none(), "the exponent is a constant");
    let constants = all.nodes.iter().filter(|node| node.op == "constant");
    assert!(constants.clone().count() == 2 && constants.into_iter().all(|n| n.gradient.is_none()));
    let one = formula.evaluate(&at, &["y".to_owned()]).unwrap();
    assert!(one.nodes[0].gradient.is_none() && gradient(&one, "y") == [-2.0]);

    let circuit = evaluate("sum(softmax(s * w)) * w + exp(s)[1] * max(s, w)[0]", "s=[1,2] w=0.5");
    let last = circuit.nodes.len() - 1;
    for (i, node) in circuit.nodes.iter().enumerate().filter(|(i, _)| *i < last) {
        let Some(gradient) = &node.gradient else { continue };
        let mut sum = vec![0.0; gradient.elements().len()];
        for reader in &circuit.nodes {
            let flows = reader.operands.iter().zip(&reader.flows).filter(|(of, _)| **of == i);
            for (_, flow) in flows {
                let flow = flow.as_ref().unwrap().elements();
                sum.iter_mut().zip(flow).for_each(|(sum, flow)| *sum += flow);
            }
        }
        assert_near(&sum, gradient.elements(), 1e-12);
    }
}

#[test]
fn an_undefined_number_is_named_where_it_begins_with_its_reason() {
    use FormulaPass::{Backward, Forward};
    for (text, at, pass, cause, message) in [
        ("2 + 1 / x", "x=0", Forward, Cause::DivisionByZero, "division by 0 at `1 / x`"),
        ("x / x", "x=0", Forward, Cause::ZeroByZero, "0 divided by 0 at `x / x`"),
        ("ln( x )", "x=-1", Forward, Cause::LogarithmOfNegative, "logarithm of -1 at `ln( x )`"),
        ("log10(x)", "x=0", Forward, Cause::LogarithmOfZero, "logarithm of 0 at `log10(x)`"),
        (
            "sqrt(x - 2)",
            "x=1",
            Forward,
            Cause::RootOfNegative,
            "square root of -1 at `sqrt(x - 2)`",
        ),
        (
            "x^0.5",
            "x=-8",
            Forward,
            Cause::PowerOfNegative,
            "-8 to the power 0.5, not a whole number, at `x^0.5`",
        ),
        ("x^-1", "x=0", Forward, Cause::PowerOfZero, "0 to the power -1 at `x^-1`"),
        ("1 - exp(x)", "x=1000", Forward, Cause::Overflow, "a number above 1.8e308 at `exp(x)`"),
        ("sqrt(x)", "x=0", Backward, Cause::InfiniteSlope, "infinite slope at `sqrt(x)`"),
        ("2 * x^0.5", "x=0", Backward, Cause::InfiniteSlope, "infinite slope at `x^0.5`"),
        (
            "x^n",
            "x=-2 n=3",
            Backward,
            Cause::UndefinedSlope,
            "undefined slope in the exponent of -2 at `x^n`",
        ),
        ("sum(1/s)", "s=[1,0,2]", Forward, Cause::DivisionByZero, "division by 0 at `1/s`"),
    ] {
        let evaluation = evaluate(text, at);
        let found = evaluation.undefined.unwrap_or_else(|| panic!("{text}: nothing found"));
        assert_eq!(
            (found.pass, found.cause, found.message.as_str()),
            (pass, cause, message),
            "{text}"
        );
    }
    let elements = evaluate("sum(1/s)", "s=[1,0,2]").undefined.unwrap().numbers;
    assert_eq!(elements, [1.0, 0.0]);
    assert_eq!(evaluate("1 / x", "x=1e-3").undefined, None);
}

#[test]
fn a_result_that_is_a_vector_has_values_and_no_gradients() {
    let softmax = evaluate("softmax(s)", "s=[1010,1000,990]");
    assert!(softmax.nodes.iter().all(|node| node.gradient.is_none()));
    assert_eq!(softmax.result.elements().len(), 3);
}

#[test]
fn a_name_alone_and_a_constant_alone_can_be_checked_and_derived() {
    let formula = Formula::parse("x").unwrap();
    let at = values("x=3");
    assert!(formula.check(&at, &[]).unwrap()[0].agrees);
    assert_eq!(formula.hessian(&at, &[]).unwrap().rows, [[0.0]]);
    let one = Formula::parse("1").unwrap();
    assert!(
        one.check(&[], &[]).unwrap().is_empty() && one.hessian(&[], &[]).unwrap().rows.is_empty()
    );
}
