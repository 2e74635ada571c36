//! What pages can ask the engine: a file and an entry in the list for each subject.

mod descent;
mod explanation;
mod formula;
mod lessons;
mod predictions;
mod rows;

use std::fmt;

use ::studio::{Call, Endpoint, EndpointError};
use serde::Serialize;
use serde_json::Value;

/// The endpoints of a subject, made anew.
type EndpointList = fn() -> Vec<Box<dyn Endpoint>>;

const SUBJECTS: &[EndpointList] = &[
    descent::endpoints,
    explanation::endpoints,
    formula::endpoints,
    lessons::endpoints,
    predictions::endpoints,
    rows::endpoints,
];

/// The endpoints of the library's own pages.
pub fn endpoints() -> Vec<Box<dyn Endpoint>> {
    SUBJECTS.iter().flat_map(|endpoints| endpoints()).collect()
}

/// An endpoint that is a function.
struct FunctionEndpoint<F> {
    name: &'static str,
    answer: F,
}

impl<F> fmt::Debug for FunctionEndpoint<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name).finish_non_exhaustive()
    }
}

impl<A, F> Endpoint for FunctionEndpoint<F>
where
    A: Serialize,
    F: Fn(&Call<'_>) -> Result<A, EndpointError> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn answer(&self, call: &Call<'_>) -> Result<Value, EndpointError> {
        Ok(serde_json::to_value((self.answer)(call)?).expect("answers have names as keys"))
    }
}

/// The endpoint `name`, which answers with what a function gives.
fn endpoint<A: Serialize>(
    name: &'static str,
    answer: impl Fn(&Call<'_>) -> Result<A, EndpointError> + Send + Sync + 'static,
) -> Box<dyn Endpoint> {
    Box::new(FunctionEndpoint { name, answer })
}
