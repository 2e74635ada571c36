//! The worked values of the tutorials: see `docs/sources.md`.

use super::{EvaluatedFormula, Formula};
use crate::FormulaValue;

fn evaluate(text: &str, at: &[(&str, f64)]) -> EvaluatedFormula {
    let at: Vec<_> = at.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
    Formula::parse(text).expect(text).evaluate(&at, &[]).expect(text)
}

/// Fails unless the nodes are those of `want`: operation, value and gradient, `–` for a constant's.
#[track_caller]
fn assert_nodes(evaluation: &EvaluatedFormula, want: &str, tolerance: f64) {
    let wanted: Vec<_> =
        want.split(", ").map(|node| node.rsplitn(3, ' ').collect::<Vec<_>>()).collect();
    assert_eq!(evaluation.nodes.len(), wanted.len(), "{:#?}", evaluation.nodes);
    for (node, want) in evaluation.nodes.iter().zip(wanted) {
        let [gradient, value, operation] = want[..] else { panic!("{want:?}") };
        let is_near = |found: &FormulaValue, want: &str| {
            (found.number().unwrap() - want.parse::<f64>().unwrap()).abs() <= tolerance
        };
        let has_gradient = match &node.gradient {
            Some(found) => gradient != "–" && is_near(found, gradient),
            None => gradient == "–",
        };
        let is_right = node.operation == operation && is_near(&node.value, value) && has_gradient;
        assert!(is_right, "{node:?}, expected {want:?}");
    }
}

const APPLES: &str = "apple * count * tax";

#[test]
fn g9_two_apples_at_10_pay_22() {
    let evaluation = evaluate(APPLES, &[("apple", 10.0), ("count", 2.0), ("tax", 1.1)]);
    let want = "apple 10 2.2, count 2 11, apple · count 20 1.1, tax 1.1 20, #2 · tax 22 1";
    assert_nodes(&evaluation, want, 1e-12);
}

#[test]
fn g10_two_apples_at_100_pay_220() {
    let evaluation = evaluate(APPLES, &[("apple", 100.0), ("count", 2.0), ("tax", 1.1)]);
    let want = "apple 100 2.2, count 2 110, apple · count 200 1.1, tax 1.1 200, #2 · tax 220 1";
    assert_nodes(&evaluation, want, 1e-12);
}

fn apples_and_oranges() -> EvaluatedFormula {
    let text = "(apple * apple_count + orange * orange_count) * tax";
    let at = [("apple", 100.0), ("apple_count", 2.0), ("orange", 150.0), ("orange_count", 3.0)];
    evaluate(text, &[&at[..], &[("tax", 1.1)]].concat())
}

#[test]
fn g11_apples_and_oranges_pay_715() {
    let want = "apple 100 2.2, apple_count 2 110, apple · apple_count 200 1.1, orange 150 3.3, \
        orange_count 3 165, orange · orange_count 450 1.1, #2 + #5 650 1.1, tax 1.1 650, #6 · tax 715 1";
    assert_nodes(&apples_and_oranges(), want, 1e-12);
}

#[test]
fn g31_the_derivative_below_each_edge_follows_from_the_one_after_it() {
    let EvaluatedFormula { nodes, .. } = apples_and_oranges();
    let flow = |node: usize, operand: usize| {
        nodes[node].flows[operand].as_ref().unwrap().number().unwrap()
    };
    let value = |node: usize| nodes[node].value.number().unwrap();
    let boxes = [(8, [1.1, 650.0]), (6, [1.1, 1.1]), (5, [3.3, 165.0]), (2, [2.2, 110.0])];
    for (node, want) in boxes {
        let came = nodes[node].gradient.as_ref().unwrap().number().unwrap();
        for operand in [0, 1] {
            let found = flow(node, operand);
            assert!(
                (found - want[operand]).abs() < 1e-12,
                "node {node}, operand {operand}: {found}"
            );
            // An addition passes on what came; a multiplication swaps its operands.
            let other = value(nodes[node].operands[1 - operand]);
            let rule = if nodes[node].op == "add" { came } else { came * other };
            assert!((found - rule).abs() < 1e-12, "node {node}, operand {operand}: {found}");
        }
    }
}

#[test]
fn g12_the_square_of_a_sum_passes_twice_the_sum_to_both() {
    let evaluation = evaluate("(x + y)^2", &[("x", 3.0), ("y", 2.0)]);
    assert_nodes(&evaluation, "x 3 10, y 2 10, x + y 5 10, 2 2 –, #2 ^ 2 25 1", 1e-12);
}

#[test]
fn g6_the_slope_of_a_parabola() {
    for (x, slope) in [(5.0, 0.2), (10.0, 0.3)] {
        let evaluation = evaluate("0.01x² + 0.1x", &[("x", x)]);
        let node = evaluation.nodes.iter().find(|node| node.name == "x").unwrap();
        let found = node.gradient.as_ref().unwrap().number().unwrap();
        assert!((found - slope).abs() < 1e-15, "{found}");
    }
}

#[test]
fn g7_the_gradient_of_a_sum_of_squares() {
    for (x, want) in [([3.0, 4.0], [6.0, 8.0]), ([0.0, 2.0], [0.0, 4.0]), ([3.0, 0.0], [6.0, 0.0])]
    {
        let at = [("x".to_owned(), FormulaValue::from(x))];
        let evaluation = Formula::parse("sum(x^2)").unwrap().evaluate(&at, &[]).unwrap();
        assert_eq!(evaluation.nodes[0].gradient, Some(want.into()));
    }
}

fn with_scores(text: &str, scores: [f64; 3]) -> EvaluatedFormula {
    Formula::parse(text).unwrap().evaluate(&[("s".into(), scores.into())], &[]).unwrap()
}

const CAT: [f64; 3] = [3.2, 5.1, -1.7];

#[test]
fn g17_softmax_step_by_step() {
    let near = |evaluation: EvaluatedFormula, want: &[f64], tolerance: f64| {
        let found = evaluation.result.elements().to_vec();
        assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < tolerance), "{found:?}");
    };
    near(with_scores("exp(s)", CAT), &[24.53, 164.02, 0.18], 5e-3);
    near(with_scores("sum(exp(s))", CAT), &[188.74], 5e-3);
    near(with_scores("softmax(s)", CAT), &[0.1300, 0.8690, 0.0010], 5e-5);
    near(with_scores("-log(softmax(s)[0])", CAT), &[2.0404], 5e-5);
    // The course's slide has the decimal logarithm.
    near(with_scores("-log10(softmax(s)[0])", CAT), &[0.89], 5e-3);
}

#[test]
fn g18_the_gradient_for_the_scores_is_probabilities_minus_labels() {
    let loss = with_scores("-ln(softmax(s)[0])", CAT);
    let found = loss.nodes[0].gradient.as_ref().unwrap().elements();
    let want = [-0.870017, 0.869050, 0.000968];
    assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
}

#[test]
fn g19_large_scores_do_not_overflow() {
    let scores = [1010.0, 1000.0, 990.0];
    let softmax = with_scores("softmax(s)", scores);
    let want = [0.999955, 4.54e-5, 2.06e-9];
    let found = softmax.result.elements();
    assert!(found.iter().zip(want).all(|(a, b)| (a / b - 1.0).abs() < 1e-3), "{found:?}");
    let naive = with_scores("(exp(s) / sum(exp(s)))[0]", scores).undefined.unwrap();
    assert_eq!(naive.message, "a number above 1.8e308 at `exp(s)`");
}

const CIRCUIT: [(&str, f64); 5] =
    [("w0", 2.0), ("x0", -1.0), ("w1", -3.0), ("x1", -2.0), ("w2", -3.0)];

#[test]
fn g20_the_sigmoid_circuit() {
    let e = (-1.0_f64).exp();
    let (sum, y) = (1.0 + e, 1.0 / (1.0 + e));
    let (square, d) = (y * y, y * (1.0 - y));
    let (twice, thrice) = (2.0 * d, 3.0 * d);
    let want = format!(
        "1 1 –, 1 1 –, w0 2 -{d}, x0 -1 {twice}, w0 · x0 -2 {d}, w1 -3 -{twice}, x1 -2 -{thrice}, \
        w1 · x1 6 {d}, #4 + #7 4 {d}, w2 -3 {d}, #8 + w2 1 {d}, -#10 -1 -{d}, exp(#11) {e} -{square}, \
        1 + #12 {sum} -{square}, 1 / #13 {y} 1"
    );
    assert_nodes(&evaluate("1/(1+exp(-(w0*x0+w1*x1+w2)))", &CIRCUIT), &want, 1e-15);
    // As the course rounds them.
    for (found, printed) in
        [(y, "0.73"), (sum, "1.37"), (d, "0.20"), (thrice, "0.59"), (square, "0.53")]
    {
        assert_eq!(format!("{found:.2}"), printed);
    }
    let sigmoid = evaluate("sigmoid(x)", &[("x", 1.0)]);
    assert_nodes(&sigmoid, &format!("x 1 {d}, sigmoid(x) {y} 1"), 1e-15);
}

#[test]
fn g21_step_sigmoid_and_relu() {
    for (x, sigmoid, relu) in [(-1.0, 0.26894, 0.0), (1.0, 0.73106, 1.0), (2.0, 0.88080, 2.0)] {
        let found = evaluate("sigmoid(x)", &[("x", x)]).result.number().unwrap();
        assert!((found - sigmoid).abs() < 5e-6, "{found}");
        assert_eq!(evaluate("relu(x)", &[("x", x)]).result, relu.into());
        let step = evaluate("step(x)", &[("x", x)]).result;
        assert_eq!(step, f64::from(u8::from(x > 0.0)).into());
    }
}
