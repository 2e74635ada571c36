//! Random formulas against finite differences: gradients, what flows along edges, and Hessians.

use kernels::random::Stream;

use super::check::relative_error;
use super::{Formula, FormulaProgram, TOLERANCE};
use crate::FormulaValue;

/// Writes formulas of the names `x`, `y`, `z` and the vectors `s` and `t` of three elements.
struct FormulaWriter {
    random: Stream,
}

impl FormulaWriter {
    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.random.below(choices.len() as u64) as usize]
    }

    fn number(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.pick(&["x", "y", "z", "s[0]", "t[2]", "2", "0.7", "pi"]).to_owned();
        }
        match self.random.below(8) {
            0 => {
                let reduction = self.pick(&["sum", "mean", "max", "min"]);
                format!("{reduction}({})", self.vector(depth - 1))
            }
            1 => format!("softmax({})[{}]", self.vector(depth - 1), self.random.below(3)),
            2 => {
                let function = self.pick(&["max", "min"]);
                format!("{function}({}, {})", self.number(depth - 1), self.number(depth - 1))
            }
            _ => self.elementwise(depth, Self::number),
        }
    }

    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.pick(&["s", "t", "[1, -0.5, 2]", "[x, 1, y]"]).to_owned();
        }
        match self.random.below(8) {
            0 => format!("softmax({})", self.vector(depth - 1)),
            1 => format!("({}) * ({})", self.number(depth - 1), self.vector(depth - 1)),
            2 => format!("max({}, {})", self.vector(depth - 1), self.number(depth - 1)),
            3 => format!("[{}, {}, s[1]]", self.number(depth - 1), self.number(depth - 1)),
            _ => self.elementwise(depth, Self::vector),
        }
    }

    /// Operators and functions, within their domains.
    fn elementwise(&mut self, depth: u32, write: fn(&mut Self, u32) -> String) -> String {
        let a = write(self, depth - 1);
        let function = self.pick(&["exp", "sin", "cos", "tanh", "sigmoid", "relu", "abs"]);
        match self.random.below(10) {
            0 => format!("ln(abs({a}) + 0.5)"),
            1 => format!("log10(({a})² + 0.1)"),
            2 => format!("sqrt(({a})^2 + 0.3)"),
            3 => format!("({a})^{}", self.pick(&["2", "3", "1"])),
            4 => format!("(abs({a}) + 0.2)^({})", write(self, depth - 1)),
            5 => format!("({a}) / (2 + sin({}))", write(self, depth - 1)),
            6 => format!("{function}({a})"),
            7 => format!("-({a}) + {}", write(self, depth - 1)),
            8 => format!("({a}) - ({})", write(self, depth - 1)),
            _ => format!("({a}) * ({})", write(self, depth - 1)),
        }
    }
}

type NamedNumbers = Vec<(String, FormulaValue)>;

/// Calls `check` with so many random formulas at random points, where no value is large.
fn each_formula(n: usize, mut check: impl FnMut(&Formula, &NamedNumbers, f64)) {
    let mut writer = FormulaWriter { random: Stream::new(15, 0) };
    let mut n_checked = 0;
    for trial in 0.. {
        assert!(trial < 20 * n, "only {n_checked} of {trial} formulas have values to compare");
        let text = writer.number(1 + trial as u32 % 4);
        let formula = Formula::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut draw = || 4.0 * writer.random.uniform() - 2.0;
        let at: NamedNumbers = ["x", "y", "z", "s", "t"]
            .map(|name| {
                let value = match name {
                    "s" | "t" => [draw(), draw(), draw()].into(),
                    _ => draw().into(),
                };
                (name.to_owned(), value)
            })
            .into_iter()
            .filter(|(name, _)| formula.names().contains(name))
            .collect();
        let evaluation =
            formula.evaluate(&at, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
        let values = evaluation.nodes.iter().flat_map(|node| {
            let gradient = node.gradient.iter().flat_map(FormulaValue::elements);
            node.value.elements().iter().chain(gradient)
        });
        let largest = values.fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if at.is_empty() || evaluation.undefined.is_some() || largest > 100.0 {
            continue;
        }
        check(&formula, &at, largest);
        n_checked += 1;
        if n_checked == n {
            return;
        }
    }
}

#[test]
fn a_thousand_random_formulas_agree_with_finite_differences_and_a_gradient_that_is_off_does_not() {
    let (mut n_compared, mut n_noticed, mut n_flat) = (0, 0, 0);
    each_formula(1000, |formula, at, largest| {
        let checked = formula.check(at, &[]).unwrap();
        let mut is_noticed = false;
        for found in &checked {
            assert!(found.agrees, "{} at {at:?}: {found:?}", formula.text());
            let Some(numerical) = found.numerical else { continue };
            n_compared += 1;
            is_noticed |= relative_error(1.001 * found.gradient, numerical, largest) > TOLERANCE;
        }
        match checked.iter().all(|found| found.gradient.abs() < 1e-2 * largest) {
            true => n_flat += 1,
            false => n_noticed += usize::from(is_noticed),
        }
    });
    assert!(n_compared > 2000 && n_flat < 300, "{n_compared} derivatives, {n_flat} flat formulas");
    assert_eq!(n_noticed, 1000 - n_flat, "a gradient 0.1 % off passed");
}

#[test]
fn what_flows_along_edges_adds_up_to_the_gradients() {
    each_formula(300, |formula, at, largest| {
        let nodes = formula.evaluate(at, &[]).unwrap().nodes;
        for (i, node) in nodes.iter().enumerate().take(nodes.len() - 1) {
            let Some(gradient) = &node.gradient else { continue };
            let mut sum = vec![0.0; gradient.elements().len()];
            for reader in &nodes {
                let flows = reader.operands.iter().zip(&reader.flows);
                for (_, flow) in flows.filter(|(operand, _)| **operand == i) {
                    let flow = flow.as_ref().expect("a part of a gradient").elements();
                    sum.iter_mut().zip(flow).for_each(|(sum, flow)| *sum += flow);
                }
            }
            let is_near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-13 * largest.max(1.0);
            let all_near = sum.iter().zip(gradient.elements()).all(is_near);
            assert!(all_near, "{} at {at:?}: node {i}: {sum:?}, {gradient:?}", formula.text());
        }
    });
}

#[test]
fn hessians_of_random_formulas_agree_with_differences_of_gradients_and_are_symmetric() {
    each_formula(300, |formula, at, largest| {
        let hessian = formula.hessian(at, &[]).unwrap();
        let mut program = FormulaProgram::new(formula, at, &[]).unwrap();
        let start = program.parameters().to_vec();
        let mut gradient = |column: usize, distance: f64| {
            let mut at = start.clone();
            at[column] += distance;
            program.value_and_gradient(&at).1.to_vec()
        };
        for (column, name) in hessian.names.iter().enumerate() {
            let mut errors = [1e-4, 1e-5, 1e-6].map(|h| {
                let [a, b, c, d] = [h, -h, 2.0 * h, -2.0 * h].map(|step| gradient(column, step));
                let difference = |i: usize| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * h);
                let error = |row: usize| (difference(row) - hessian.rows[row][column]).abs();
                let rows = (0..hessian.names.len()).map(error);
                rows.fold(0.0, f64::max)
            });
            errors.sort_by(f64::total_cmp);
            let size = hessian.rows[column].iter().fold(largest, |size, h| size.max(h.abs()));
            // Near a kink the shortest step is the one that does not cross it.
            let text = formula.text();
            assert!(errors[0] <= 1e-5 * size, "{text} at {at:?}: {name}: {errors:?}");
        }
        for (i, row) in hessian.rows.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let other = hessian.rows[j][i];
                let size = value.abs().max(other.abs()).max(largest);
                assert!((value - other).abs() <= 1e-12 * size, "{}: {hessian:?}", formula.text());
            }
        }
    });
}
