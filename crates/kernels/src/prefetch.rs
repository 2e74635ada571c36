//! Hints to fetch memory early.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Prefetches `values` into the first-level cache, if the machine has an instruction for it.
pub fn prefetch_all<T>(values: &[T]) {
    let bytes = values.as_ptr_range();
    let mut line = bytes.start.cast::<u8>();
    while line < bytes.end.cast() {
        prefetch(line);
        line = line.wrapping_add(LINE);
    }
}

/// Prefetches the cache line of any `address` into the first-level cache: the hint for the second level is
/// slower (docs/decisions/0010).
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint: it reads nothing, and an address that is not mapped is ignored.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
