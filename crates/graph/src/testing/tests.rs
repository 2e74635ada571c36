//! The table of every op's mutants, and wrong ops that the check must refuse.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use super::*;
use crate::op::{BackwardPass, ForwardPass, Op, Saved};

/// What stands before a report in the output of a test.
const MARK: &str = "mutants of ";

#[allow(clippy::print_stdout, reason = "the table is made of what the checks of all ops print")]
pub(super) fn print(reports: &[OperandReport]) {
    reports.iter().for_each(|report| println!("{MARK}{report}"));
}

/// Prints the table of the largest errors and the smallest mutants: `cargo test op_mutants -- --nocapture`.
#[test]
#[allow(clippy::print_stdout, reason = "the table is for those who ask with --nocapture")]
fn op_mutants_are_noticed_for_every_op_and_operand() {
    let tests = Command::new(std::env::current_exe().unwrap())
        .args(["ops::", "--nocapture"])
        .output()
        .unwrap();
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stdout));
    let mut rows = BTreeMap::<(String, String), Vec<f64>>::new();
    for line in String::from_utf8(tests.stdout).unwrap().lines() {
        let Some((_, report)) = line.split_once(MARK) else { continue };
        let [op, operand, numbers @ ..] = &report.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let numbers = numbers.iter().map(|number| number.parse().unwrap_or(f64::INFINITY));
        let numbers: Vec<f64> = numbers.collect();
        let key = ((*op).to_owned(), (*operand).to_owned());
        let row = rows.entry(key).or_insert_with(|| numbers.clone());
        for (column, (worst, number)) in row.iter_mut().zip(numbers).enumerate() {
            *worst = if column % 3 == 2 { worst.min(number) } else { worst.max(number) };
        }
    }
    let files = include_str!("../ops/mod.rs").lines();
    let files = files.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let has_row = |op: &&str| rows.keys().any(|(name, _)| name == op);
    let missing: Vec<&str> = files.filter(|op| !has_row(op)).collect();
    assert!(missing.is_empty(), "no check of {missing:?}");
    println!("{:20}  {:^31}  {:^31}", "", "f64, finite differences", "f32 against f64");
    let columns = ["error", "bound", "mutant"].map(|name| format!(" {name:>9}")).concat();
    println!("{:<12} {:>7} {columns} {columns}", "op", "operand");
    for ((op, operand), numbers) in &rows {
        let [double, single] = [0, 3].map(|first| {
            numbers[first..first + 3].iter().map(|n| format!(" {n:9.1e}")).collect::<String>()
        });
        println!("{op:<12} {operand:>7} {double} {single}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Forward, the second operand is added twice.
    Value,
    /// The same in `f32` only.
    SingleValue,
    /// Gradients are 0.1 % off for one operand.
    Factor(usize),
    /// The same in `f32` only.
    SingleFactor(usize),
    /// The same in wide tiles only.
    WideFactor(usize),
    /// A term of the gradient for the first operand is left out.
    DroppedTerm,
    /// A term of it has the wrong sign.
    WrongSign,
    /// The gradient for the second operand is never computed.
    NoGradient,
    /// It is computed from the sample before.
    StaleOperand,
    /// It is computed from the first sample of the batch.
    FirstSample,
    /// It replaces what other readers of the operand left.
    Assigned,
    /// What the gradient needs is not declared, and is gone by then.
    NotSaved,
}

/// `y = a² + a·b + b`, or not quite.
struct Polynomial(Fault);

impl<T: Float> Op<T> for Polynomial {
    fn name(&self) -> &'static str {
        "polynomial"
    }

    fn saved(&self, operand: usize) -> Saved {
        match operand {
            0 => Saved::BOTH,
            _ if self.0 == Fault::NotSaved => Saved::NOTHING,
            _ => Saved::FIRST,
        }
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let is_wrong = self.0 == Fault::Value || (self.0 == Fault::SingleValue && is_single::<T>());
        for (y, (&a, &b)) in pass.y.iter_mut().zip(pass.x[0].iter().zip(pass.x[1])) {
            *y = a * a + a * b + if is_wrong { b + b } else { b };
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let width = pass.tile.width;
        let is_wrong = match self.0 {
            Fault::Factor(operand) => operand == pass.operand,
            Fault::SingleFactor(operand) => operand == pass.operand && is_single::<T>(),
            Fault::WideFactor(operand) => operand == pass.operand && width > 256,
            _ => false,
        };
        let factor = T::from_f64(if is_wrong { 1.001 } else { 1.0 });
        for (i, dx) in pass.dx.iter_mut().enumerate() {
            let lane = i % width;
            let a = |i: usize| pass.x[0].get(i).copied().unwrap_or(T::ZERO);
            let slope = match (pass.operand, self.0) {
                (0, Fault::DroppedTerm) => a(i) + a(i),
                (0, Fault::WrongSign) => a(i) + a(i) - pass.x[1][i],
                (0, _) => a(i) + a(i) + pass.x[1][i],
                (_, Fault::NoGradient) => T::ZERO,
                (_, Fault::StaleOperand) => a(i - lane + lane.saturating_sub(1)) + T::ONE,
                (_, Fault::FirstSample) => a(i - lane) + T::ONE,
                (_, _) => a(i) + T::ONE,
            };
            let own = factor * slope * pass.dy[i];
            *dx = if self.0 == Fault::Assigned { own } else { *dx + own };
        }
    }
}

fn is_single<T>() -> bool {
    size_of::<T>() == size_of::<f32>()
}

fn check(fault: Fault) {
    check_op(OpCase {
        build: both_precisions!(|g, x| g.push(Polynomial(fault), x)),
        reference: |x| {
            let [a, b] = x else { unreachable!("two operands") };
            zip(&zip(a, b, |a, b| a * a + a * b), b, |sum, b| sum + b)
        },
        inputs: &[uniform("N 3", 0.5..2.0), uniform("N 3", -2.0..2.0)],
    });
}

fn failure(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).err();
    panic.and_then(|panic| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[test]
fn every_kind_of_wrong_op_is_refused() {
    use Fault::*;
    check(None);
    let [first, second] = ["gradient of operand 0", "gradient of operand 1"];
    for (fault, message) in [
        (Value, "the reference says"),
        (SingleValue, "f32, shapes [N, 3] [N, 3], TrialLayout { batch: 1, tile: None"),
        (Factor(0), first),
        (Factor(1), second),
        (SingleFactor(0), "f32"),
        (SingleFactor(1), "f32"),
        (WideFactor(0), "tile: Some(560)"),
        (WideFactor(1), "tile: Some(560)"),
        (DroppedTerm, first),
        (WrongSign, first),
        (NoGradient, second),
        (StaleOperand, second),
        (FirstSample, second),
        (Assigned, "is_shared: true"),
        (NotSaved, second),
    ] {
        let found = failure(|| check(fault));
        assert!(found.contains(message), "{fault:?}: {found}");
    }
}

#[test]
fn a_gradient_of_zero_must_be_declared_and_a_declared_one_must_be_zero() {
    let check = |is_step: bool, input: RandomOperand| {
        failure(|| {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(if is_step {
                    g.step(x[0])
                } else {
                    g.neg(x[0])
                })),
                reference: |x| x[0].map(|v| if is_step { f64::from(v > 0.0) } else { -v }),
                inputs: &[input],
            });
        })
    };
    let [step, neg] = [true, false].map(|is_step| move |input| check(is_step, input));
    let input = uniform("N 3", -2.0..2.0);
    assert!(step(input.clone()).contains("which proves nothing"));
    assert_eq!(step(input.clone().with_zero_gradient()), "");
    assert_eq!(neg(input.clone()), "");
    assert!(neg(input.with_zero_gradient()).contains("declared to be zero"));
}

#[test]
fn a_saturated_sigmoid_proves_nothing_about_its_gradient() {
    // The trap of a test at points where every gradient is 0 to all digits.
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let message = failure(|| {
        check_unary(both_precisions!(|g, x| Ok(g.sigmoid(x[0]))), sigmoid, 800.0..900.0);
    });
    assert!(message.contains("proves nothing"), "{message}");
}
