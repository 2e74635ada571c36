//! Descent: paths of optimizers on a formula or on the loss of a line.

use ::studio::Endpoint;

use super::endpoint;

pub(super) fn endpoints() -> Vec<Box<dyn Endpoint>> {
    vec![endpoint("descent", |call| Ok(explain::descent::answer(&call.parse()?)))]
}
