//! A network as columns of lines beside its rows, as `git log --graph` draws commits.
//!
//! Each column is a lane: an output that goes down to a later layer. The first input of a layer has a lane of its
//! own; the layers that merge an output with others share one.

use std::iter;

use crate::Diagram;

/// The most lanes side by side: more are not readable.
const MAX_LANES: usize = 24;

/// A row of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneRow {
    /// The lanes, without spaces at the end.
    pub lanes: String,
    /// The node that stands in this row; none where an output is divided.
    pub node: Option<usize>,
}

/// An output that goes down.
#[derive(Clone, Debug)]
struct Lane {
    from: usize,
    /// The node at which it ends.
    to: usize,
    /// Whether it is merged there, and perhaps in others before.
    is_merged: bool,
}

impl Diagram {
    /// The rows of the drawing. None of a plain sequence, and none of what would be too wide to read.
    pub fn lanes(&self) -> Option<Vec<LaneRow>> {
        if self.is_sequence() {
            return None;
        }
        let starting = self.starting();
        let mut rows = Vec::new();
        let mut lanes: Vec<Option<Lane>> = Vec::new();
        for (i, (node, starting)) in self.nodes.iter().zip(starting).enumerate() {
            let merged = node.inputs.get(1..).unwrap_or_default();
            let arrives = |lane: &Lane| match lane.is_merged {
                true => merged.contains(&lane.from),
                false => lane.to == i,
            };
            let marks: Vec<_> = lanes
                .iter()
                .map(|lane| match lane {
                    None => Mark::Empty,
                    Some(lane) if !arrives(lane) => Mark::Passing,
                    Some(lane) if lane.to == i => Mark::Ending,
                    Some(_) => Mark::Joined,
                })
                .collect();
            let column = marks.iter().position(|mark| *mark == Mark::Ending).unwrap_or(0);
            rows.push(LaneRow { lanes: row(i, &marks, column), node: Some(i) });
            for (lane, mark) in lanes.iter_mut().zip(marks) {
                if mark == Mark::Ending {
                    *lane = None;
                }
            }
            let n_starting = starting.len();
            let mut started = Vec::new();
            for (lane, first) in
                starting.into_iter().zip(iter::once(column).chain(iter::repeat(column + 1)))
            {
                let place = (first..).find(|&c| lanes.get(c).is_none_or(Option::is_none));
                let place = place.expect("columns do not end");
                lanes.resize(lanes.len().max(place + 1), None);
                lanes[place] = Some(lane);
                started.push(place);
            }
            if lanes.len() > MAX_LANES {
                return None;
            }
            if n_starting > 1 {
                rows.push(LaneRow { lanes: division(&lanes, &started), node: None });
            }
            while let Some(None) = lanes.last() {
                lanes.pop();
            }
        }
        Some(rows)
    }

    /// The lanes that start at each node: first those that lead to one layer, then the one that is merged.
    fn starting(&self) -> Vec<Vec<Lane>> {
        let mut starting = vec![Vec::new(); self.nodes.len()];
        let mut merged = vec![None; self.nodes.len()];
        for (to, node) in self.nodes.iter().enumerate() {
            for (i, &from) in node.inputs.iter().enumerate() {
                match i {
                    0 => starting[from].push(Lane { from, to, is_merged: false }),
                    _ => merged[from] = Some(Lane { from, to, is_merged: true }),
                }
            }
        }
        starting.iter_mut().zip(merged).for_each(|(starting, merged)| starting.extend(merged));
        starting
    }
}

/// What a lane does in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Empty,
    Passing,
    /// It ends at the node.
    Ending,
    /// The node takes it, and so does a later one.
    Joined,
}

/// The row of node `i`, which stands in `column`.
fn row(i: usize, marks: &[Mark], column: usize) -> String {
    let takes = |mark: &Mark| matches!(mark, Mark::Ending | Mark::Joined);
    let first = marks.iter().position(takes).unwrap_or(column);
    let last = marks.iter().rposition(takes).unwrap_or(column);
    let n_columns = marks.len().max(column + 1);
    let symbols = (0..n_columns).map(|c| {
        let is_between = (first..=last).contains(&c);
        match marks.get(c).unwrap_or(&Mark::Empty) {
            _ if c == column && i == 0 => '○',
            _ if c == column => '●',
            Mark::Empty => {
                if is_between {
                    '─'
                } else {
                    ' '
                }
            }
            Mark::Passing => '│',
            Mark::Ending if c == last => '╯',
            Mark::Ending => '┴',
            Mark::Joined if c == first => '├',
            Mark::Joined if c == last => '┤',
            Mark::Joined => '┼',
        }
    });
    joined(symbols, first, last)
}

/// The row below a node whose output starts in the columns `started`, the first its own.
fn division(lanes: &[Option<Lane>], started: &[usize]) -> String {
    let (first, last) = (started[0], *started.iter().max().expect("two or more"));
    let symbols = lanes.iter().enumerate().map(|(c, lane)| match lane {
        _ if c == first => '├',
        _ if c == last => '╮',
        _ if started.contains(&c) => '┬',
        Some(_) => '│',
        None => {
            if (first..last).contains(&c) {
                '─'
            } else {
                ' '
            }
        }
    });
    joined(symbols, first, last)
}

/// Symbols with a line between those from `first` to `last`, and spaces between the others.
fn joined(symbols: impl Iterator<Item = char>, first: usize, last: usize) -> String {
    let cells = symbols
        .enumerate()
        .flat_map(|(c, symbol)| [symbol, if (first..last).contains(&c) { '─' } else { ' ' }]);
    cells.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{diagram, sequence};

    #[track_caller]
    fn draws(nodes: &[(&str, &[usize])], expected: &str) {
        let diagram = diagram(nodes);
        let rows = diagram.lanes().unwrap().into_iter().map(|LaneRow { lanes, node }| {
            let path = node.map_or("", |node| &diagram.nodes[node].path);
            format!("{lanes} {path}").trim_end().to_owned()
        });
        assert_eq!(rows.collect::<Vec<_>>().join("\n"), expected.trim_matches('\n'));
    }

    #[test]
    fn residual_connections_stand_beside_the_layers_that_they_pass() {
        draws(
            &[
                ("input", &[]),
                ("a", &[0]),
                ("b", &[1]),
                ("add", &[2, 1]),
                ("c", &[3]),
                ("add", &[4, 3]),
            ],
            "
○ input
● a
├─╮
● │ b
●─╯ add
├─╮
● │ c
●─╯ add",
        );
    }

    #[test]
    fn branches_that_are_merged_have_a_lane_each() {
        draws(
            &[
                ("input", &[]),
                ("a", &[0]),
                ("b", &[0]),
                ("c", &[0]),
                ("concat", &[3, 1, 2]),
                ("d", &[4]),
            ],
            "
○ input
├─┬─╮
● │ │ a
│ ● │ b
│ │ ● c
●─┴─╯ concat
● d",
        );
    }

    #[test]
    fn an_output_that_several_layers_merge_has_one_lane() {
        draws(
            &[("input", &[]), ("a", &[0]), ("b", &[1, 0]), ("c", &[2, 0]), ("twice", &[3, 3])],
            "
○ input
├─╮
● │ a
●─┤ b
●─╯ c
├─╮
●─╯ twice",
        );
    }

    #[test]
    fn a_lane_that_is_not_taken_passes_behind() {
        draws(
            &[
                ("input", &[]),
                ("a", &[0]),
                ("b", &[1]),
                ("c", &[2, 0]),
                ("d", &[3, 1]),
                ("e", &[2]),
                ("f", &[5, 4]),
            ],
            "
○ input
├─╮
● │ a
├─│─╮
● │ │ b
├─│─│─╮
●─╯ │ │ c
●───╯ │ d
│     ● e
●─────╯ f",
        );
    }

    #[test]
    fn what_needs_no_lanes_or_too_many_has_none() {
        assert_eq!(sequence(5).lanes(), None);
        let mut star = sequence(MAX_LANES + 1);
        star.nodes[1..].iter_mut().for_each(|node| node.inputs = vec![0]);
        assert_eq!(star.lanes(), None);
    }
}
