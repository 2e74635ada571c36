//! Texts between processes.

use std::fmt::Debug;
use std::ops::Range;

use graph::ProcessGroup;

/// Messages from one process to another, which come in the order in which they were sent.
pub trait Mailbox: Debug + Send + Sync {
    /// Sends a message to the process of a rank.
    fn send(&self, to: usize, message: &[u8]);

    /// A message that has come, with the rank of its sender; none if there is none yet.
    fn receive(&self) -> Option<(usize, Vec<u8>)>;
}

/// The texts of all processes, by rank. Each calls it with its own.
pub(crate) fn gather_texts(group: &dyn ProcessGroup, own: &str) -> Vec<String> {
    let rank = group.rank();
    let mut lengths = vec![0; 8 * group.size()];
    lengths[8 * rank..][..8].copy_from_slice(&(own.len() as u64).to_le_bytes());
    let parts: Vec<Range<usize>> = (0..group.size()).map(|rank| 8 * rank..8 * rank + 8).collect();
    group.all_gather_bytes(&mut lengths, &parts);
    let lengths = lengths.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as usize);
    let (parts, length) = consecutive(lengths);
    let mut all = vec![0; length];
    all[parts[rank].clone()].copy_from_slice(own.as_bytes());
    group.all_gather_bytes(&mut all, &parts);
    parts.into_iter().map(|part| String::from_utf8_lossy(&all[part]).into_owned()).collect()
}

/// Parts of these lengths one after the other, and the length of all.
pub(crate) fn consecutive(lengths: impl Iterator<Item = usize>) -> (Vec<Range<usize>>, usize) {
    let mut end = 0;
    let part = |length| {
        let start = end;
        end += length;
        start..end
    };
    let parts = lengths.map(part).collect();
    (parts, end)
}

/// Splits what is exchanged into rounds, each of at most `most` bytes of each part.
#[cfg(any(test, feature = "mpi"))]
pub(crate) fn rounds(
    parts: &[Range<usize>],
    most: usize,
) -> impl Iterator<Item = Vec<Range<usize>>> {
    let longest = parts.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    (0..longest.div_ceil(most)).map(move |round| {
        let cut = |part: &Range<usize>| {
            let at = |n: usize| part.start + (n * most).min(part.len());
            at(round)..at(round + 1)
        };
        parts.iter().map(cut).collect()
    })
}

/// What the process of rank 0 has, for all of them. The others call it with anything.
pub(crate) fn from_first(group: &dyn ProcessGroup, own: &str) -> String {
    let own = if group.rank() == 0 { own } else { "" };
    gather_texts(group, own).swap_remove(0)
}

#[cfg(test)]
mod tests {
    use graph::testing::thread_group::in_threads;

    use super::*;

    #[test]
    fn texts_of_any_length_arrive_by_rank() {
        for n in [1, 2, 5] {
            let own = |rank: usize| "ä".repeat(rank * rank);
            let received = in_threads(n, |group| {
                let all = gather_texts(&*group, &own(group.rank()));
                (all, from_first(&*group, &format!("of {}", group.rank())))
            });
            let expected: Vec<_> = (0..n).map(own).collect();
            for (all, first) in received {
                assert_eq!((all, &*first), (expected.clone(), "of 0"));
            }
        }
    }

    #[test]
    fn rounds_cover_each_part_in_order_and_none_exceeds_the_most() {
        let parts = [0..7, 7..7, 7..9, 20..29];
        for most in 1..=10 {
            let mut reached = parts.each_ref().map(|part| part.start);
            for round in rounds(&parts, most) {
                for (part, reached) in round.into_iter().zip(&mut reached) {
                    assert!(part.start == *reached && part.len() <= most, "{part:?} of {most}");
                    *reached = part.end;
                }
            }
            assert_eq!(reached, parts.each_ref().map(|part| part.end), "at most {most}");
        }
        assert_eq!(rounds(&[3..3, 3..3], 4).count(), 0);
    }
}
