//! Hard swish, `y = x · min(max(x + 3, 0), 6) / 6`: [`silu`](super::silu) with a sigmoid of three straight lines.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · (x/3 + ½)` between −3 and 3, 0 left of that and `dL/dy` right of it; at the kinks, −3 and
//! 3, that of the straight sides.
//! Source: Howard et al. (ICCV 2019), "Searching for MobileNetV3".

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `x · min(max(x + 3, 0), 6) / 6`, elementwise. See the [module docs](self).
    pub fn hard_swish(&mut self, x: NodeId) -> NodeId {
        let [three, third, sixth, half] = [3.0, 1.0 / 3.0, 1.0 / 6.0, 0.5].map(T::from_f64);
        // One side after the other: beyond −3, infinity times 0 would be NaN.
        let (value, slope) = (
            inlined!(move |x: T| {
                let y = x * (x + three) * sixth;
                let y = if x >= three { x } else { y };
                if x <= -three { T::ZERO } else { y }
            }),
            inlined!(move |x: T| {
                let slope = x * third + half;
                let slope = if x >= three { T::ONE } else { slope };
                if x <= -three { T::ZERO } else { slope }
            }),
        );
        let op = Elementwise::new(
            "hard_swish",
            "x * min(max(x + 3, 0), 6) / 6",
            Saved::FIRST,
            value,
            slope,
        );
        self.push_unary(op.with_kinks(&[-3.0, 3.0]), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        let reference = |v: f64| v * (v + 3.0).clamp(0.0, 6.0) / 6.0;
        check_unary(both_precisions!(|g, x| Ok(g.hard_swish(x[0]))), reference, -4.0..5.0);
    }

    #[test]
    fn kinks_have_the_slope_of_the_straight_sides_limits_are_reached_and_nan_passes_through() {
        let x = [f32::NEG_INFINITY, -1e4, -3.0, 0.0, 3.0, 1e4, f32::INFINITY];
        let y = forward_f32(|g, x| g.hard_swish(x), &x);
        assert_eq!(y, [0.0, 0.0, 0.0, 0.0, 3.0, 1e4, f32::INFINITY]);
        let slope = gradient_f32(|g, x| g.hard_swish(x), &x);
        assert_eq!(slope, [0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0]);
        assert!(forward_f32(|g, x| g.hard_swish(x), &[f32::NAN])[0].is_nan());
        assert!(gradient_f32(|g, x| g.hard_swish(x), &[f32::NAN])[0].is_nan());
    }
}
