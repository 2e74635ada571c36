//! Formulas: their values, gradients and drawings.

use ::studio::Endpoint;

use super::endpoint;

pub(super) fn endpoints() -> Vec<Box<dyn Endpoint>> {
    vec![endpoint("formula", |call| Ok(explain::formula::answer(&call.parse()?)))]
}
