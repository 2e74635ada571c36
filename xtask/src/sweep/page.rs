//! The largest steps between neighbouring sizes, as a Markdown page.

use diagnostics::table::markdown;

use super::Measured;
use super::point::{Axis, Point};
use crate::table::{NOTHING, short};

/// Two points that are neighbours along an axis, the smaller first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    from: Measured,
    to: Measured,
}

impl Step {
    /// The time of an operation after the step, as a multiple of that before it.
    fn ratio(&self) -> f64 {
        self.to.picoseconds / self.from.picoseconds
    }
}

/// The page of all that was measured; `runs` is how.
pub(super) fn page(measured: &[Measured], runs: &str, machine: &str) -> String {
    format!(
        "{HEAD}{}{WITHOUT_START_UP}{}\n\
         - Machine: {machine}.\n\
         - Runs at each of the {} points: {runs}.\n",
        table(measured),
        table(&without_start_up(measured)),
        measured.len()
    )
}

/// What is left of each point when the start-up of a step is taken off: the time of a step with one sample.
/// Only points of which at least half is left: of the others nothing can be said.
fn without_start_up(measured: &[Measured]) -> Vec<Measured> {
    let start_up = |point: Point| {
        let key = |point: Point| Point { samples: 0, ..point.besides(Axis::Batch) };
        let mut ones = measured.iter().filter(|one| one.point.batch == 1);
        ones.find(|one| key(one.point) == key(point)).map(|one| one.picoseconds)
    };
    let rest = measured.iter().filter_map(|&Measured { point, picoseconds }| {
        let (batch, start_up) = (point.batch as f64, start_up(point)?);
        let rest = picoseconds * batch - start_up;
        (rest >= start_up).then(|| Measured { point, picoseconds: rest / (batch - 1.0) })
    });
    rest.collect()
}

/// The largest steps along each axis.
fn table(measured: &[Measured]) -> String {
    let head = ["size", "from", "to", "largest rise", "where", "largest fall", "where"];
    let row = |axis: Axis| {
        let steps = steps(measured, axis);
        let sizes = || steps.iter().flat_map(|step| [step.from, step.to]);
        let sizes = || sizes().map(|measured| measured.point.get(axis));
        let number = |n: Option<usize>| n.map_or(NOTHING.to_owned(), |n| n.to_string());
        let rise = steps.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let fall = steps.iter().min_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let [rise_ratio, rise_place] = cells(rise.filter(|step| step.ratio() > 1.0), axis, |r| r);
        let [fall_ratio, fall_place] =
            cells(fall.filter(|step| step.ratio() < 1.0), axis, |r| 1.0 / r);
        let (least, most) = (number(sizes().min()), number(sizes().max()));
        vec![axis.name().into(), least, most, rise_ratio, rise_place, fall_ratio, fall_place]
    };
    markdown(&head.map(str::to_owned), &Axis::ALL.map(row))
}

/// The ratio of a step and where it is.
fn cells(step: Option<&Step>, axis: Axis, ratio: impl Fn(f64) -> f64) -> [String; 2] {
    let Some(step) = step else { return [NOTHING, ""].map(str::to_owned) };
    let (from, to) = (step.from.point, step.to.point);
    let place = format!(
        "{} {} → {} ({}), {} → {} ps",
        axis.name(),
        from.get(axis),
        to.get(axis),
        from.besides(axis),
        short(step.from.picoseconds),
        short(step.to.picoseconds)
    );
    [short(ratio(step.ratio())), place]
}

/// All pairs of neighbours along an axis.
fn steps(measured: &[Measured], axis: Axis) -> Vec<Step> {
    lines(measured, axis)
        .iter()
        .flat_map(|line| line.windows(2).map(|pair| Step { from: pair[0], to: pair[1] }))
        .collect()
}

/// What was measured, as lines along an axis: points that differ in that size alone, the smallest first.
pub(super) fn lines(measured: &[Measured], axis: Axis) -> Vec<Vec<Measured>> {
    let key = |measured: &Measured| -> (Point, usize) {
        (measured.point.besides(axis), measured.point.get(axis))
    };
    let mut sorted = measured.to_vec();
    sorted.sort_by_key(key);
    sorted.chunk_by(|a, b| key(a).0 == key(b).0).map(<[_]>::to_vec).collect()
}

const HEAD: &str = "\
# Speed over sizes

Made by `cargo xtask sweep`: a network 784-width-width-10 with ReLU, trained with Adam on the digits.
What is shown is the time of training for each operation that it needs: two for each multiply-add, forward and for both gradients, without the gradient of the input.
A small batch has the whole update of the parameters to carry, so its operations take longer.

![Time of an operation over batch, width and number of samples](sweep.svg)

The largest steps between neighbouring sizes, the others being equal; a rise means that the larger size is slower:

";

const WITHOUT_START_UP: &str = "
The same without the start-up of a step, which is the time of a step with one sample of the same width on as many threads: mostly the update of all parameters.
It is taken off every step, and its sample off the operations; points where it is more than half of the step are left out.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(batch: usize, width: usize, threads: usize, picoseconds: f64) -> Measured {
        Measured { point: Point { threads, samples: 60_000, width, batch }, picoseconds }
    }

    #[test]
    fn the_largest_steps_are_found_in_both_directions() {
        let all = [
            measured(4, 32, 1, 30.0),
            measured(1, 32, 1, 60.0),
            measured(2, 32, 1, 20.0),
            measured(1, 64, 1, 60.0),
            measured(2, 64, 1, 50.0),
        ];
        let page = page(&all, "3 of 0.5 s each", "Xeon, 2 cores");
        for row in [
            "| batch | 1 | 4 | 1.50 | batch 2 → 4 (width 32, threads 1, samples 60000), 20.0 → 30.0 ps | 3.00 | batch 1 → 2 (width 32, threads 1, samples 60000), 60.0 → 20.0 ps |",
            "| width | 32 | 64 | 2.50 | width 32 → 64 (batch 2, threads 1, samples 60000), 20.0 → 50.0 ps | – |  |",
            "| threads | – | – | – |  | – |  |",
            "- Machine: Xeon, 2 cores.",
            "- Runs at each of the 5 points: 3 of 0.5 s each.",
        ] {
            assert!(page.lines().any(|line| line == row), "{row}\nis not in\n{page}");
        }
    }

    #[test]
    fn the_start_up_of_a_step_is_taken_off_where_it_is_not_most_of_it() {
        // Steps of 60, 80, 120 and 200: 60 of them start-up, and 20 for each sample after the first.
        let batches = [(1, 60.0), (2, 40.0), (4, 30.0), (8, 25.0)];
        let all = batches.map(|(batch, picoseconds)| measured(batch, 32, 1, picoseconds));
        assert_eq!(
            without_start_up(&all),
            [measured(4, 32, 1, 20.0), measured(8, 32, 1, 20.0)],
            "a step with 2 samples is mostly start-up"
        );
        let others = Point { samples: 1000, ..measured(8, 32, 1, 0.0).point };
        let all = [all[0], Measured { point: others, picoseconds: 25.0 }];
        assert_eq!(without_start_up(&all)[0].picoseconds, 20.0, "whatever the number of samples");
    }

    #[test]
    fn only_points_that_differ_in_one_size_are_neighbours() {
        let all = [measured(1, 32, 1, 1.0), measured(2, 64, 1, 1.0), measured(2, 32, 2, 1.0)];
        for axis in Axis::ALL {
            assert!(steps(&all, axis).is_empty(), "{axis:?}");
        }
    }
}
