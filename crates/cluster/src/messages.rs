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
    let mut end = 0;
    let part = |&length: &[u8; 8]| {
        let start = end;
        end += u64::from_le_bytes(length) as usize;
        start..end
    };
    let parts: Vec<_> = lengths.as_chunks().0.iter().map(part).collect();
    let mut all = vec![0; end];
    all[parts[rank].clone()].copy_from_slice(own.as_bytes());
    group.all_gather_bytes(&mut all, &parts);
    parts.into_iter().map(|part| String::from_utf8_lossy(&all[part]).into_owned()).collect()
}

/// Parts of a vector, which do not overlap, each with its place among them; without those that are empty.
#[cfg(any(test, feature = "mpi"))]
pub(crate) fn split_parts<'v>(
    vector: &'v mut [u8],
    parts: &[Range<usize>],
) -> Vec<(usize, &'v mut [u8])> {
    let mut parts: Vec<_> = parts.iter().enumerate().filter(|(_, part)| !part.is_empty()).collect();
    parts.sort_by_key(|(_, part)| part.start);
    let (mut rest, mut begin) = (vector, 0);
    let split = |(place, part): (usize, &Range<usize>)| {
        let (_, after) = std::mem::take(&mut rest).split_at_mut(part.start - begin);
        begin = part.end;
        let (part, after) = after.split_at_mut(part.len());
        rest = after;
        (place, part)
    };
    parts.into_iter().map(split).collect()
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
    fn parts_are_found_in_any_order_with_gaps_between_them() {
        let mut vector: Vec<u8> = (0..10).collect();
        let found = split_parts(&mut vector, &[6..9, 2..2, 0..1, 3..6]);
        let expected: [(usize, &[u8]); 3] = [(2, &[0]), (3, &[3, 4, 5]), (0, &[6, 7, 8])];
        assert!(found.iter().map(|(place, part)| (*place, &**part)).eq(expected));
        assert!(split_parts(&mut [], &[0..0, 0..0]).is_empty());
    }
}
