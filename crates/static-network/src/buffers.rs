//! Arrays on the stack, which values share one after the other.

/// The arrays, and which of them hold values that are still read.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Vec<StackBuffer>);

#[derive(Debug)]
struct StackBuffer {
    /// Numbers of its largest value.
    len: usize,
    /// How often what it holds is still read.
    reads: usize,
}

impl Buffers {
    /// The number of an array for a value of `len` numbers that nobody reads yet: the smallest one that is free and long
    /// enough, else the longest free one, which becomes longer, else a new one.
    pub(crate) fn take(&mut self, len: usize) -> usize {
        let free = || self.0.iter().enumerate().filter(|(_, buffer)| buffer.reads == 0);
        let fitting = free().filter(|(_, buffer)| buffer.len >= len);
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.len);
        let found = smallest.or_else(|| free().max_by_key(|(_, buffer)| buffer.len));
        let number = found.map(|(number, _)| number);
        let number = number.unwrap_or_else(|| {
            self.0.push(StackBuffer { len, reads: 0 });
            self.0.len() - 1
        });
        self.0[number].len = self.0[number].len.max(len);
        number
    }

    /// What the array holds is read so many times more.
    pub(crate) fn add_reads(&mut self, number: usize, reads: usize) {
        self.0[number].reads += reads;
    }

    /// What the array holds has been read once.
    pub(crate) fn end_read(&mut self, number: usize) {
        self.0[number].reads -= 1;
    }

    /// Whether what the array holds is read once more only.
    pub(crate) fn is_last_read(&self, number: usize) -> bool {
        self.0[number].reads == 1
    }

    /// The lengths of all arrays.
    pub(crate) fn lens(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|buffer| buffer.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_used_again_once_its_value_was_read() {
        let mut buffers = Buffers::default();
        let first = buffers.take(10);
        buffers.add_reads(first, 2);
        let second = buffers.take(4);
        buffers.add_reads(second, 1);
        buffers.end_read(first);
        assert!(buffers.is_last_read(first));
        assert_eq!(buffers.take(3), 2, "both are read still");
        buffers.add_reads(2, 1);
        buffers.end_read(first);
        buffers.end_read(second);
        assert_eq!(buffers.take(4), second, "the smaller one that fits");
        buffers.add_reads(second, 1);
        assert_eq!(buffers.take(12), first, "the only free one becomes longer");
        assert_eq!(buffers.lens().collect::<Vec<_>>(), [12, 4, 3]);
    }
}
