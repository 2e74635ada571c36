//! Numbers as they are stored.

/// A stored number.
pub(crate) trait Weight: Copy {
    /// The number.
    fn value(self) -> f32;
}

/// The four bytes of an `f32`, the lowest first.
impl Weight for [u8; 4] {
    #[inline(always)]
    fn value(self) -> f32 {
        f32::from_le_bytes(self)
    }
}

/// A whole number from −128 to 127.
impl Weight for u8 {
    #[inline(always)]
    fn value(self) -> f32 {
        f32::from(self as i8)
    }
}
