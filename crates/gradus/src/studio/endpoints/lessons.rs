//! Lessons: the list, one that is opened, the output of an instrument, and what is said to an answer.

use std::sync::Arc;

use ::studio::{Call, Endpoint, EndpointError};
use lessons::{Effort, Engine, LessonError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::endpoint;

pub(super) fn endpoints() -> Vec<Box<dyn Endpoint>> {
    let engine = Arc::new(crate::lesson_engine());
    vec![
        endpoint("lessons", |call| Ok(lessons::list(&call.parse()?))),
        lesson_endpoint("lesson", &engine, lessons::open),
        lesson_endpoint("instrument", &engine, lessons::run),
        lesson_endpoint("answer", &engine, lessons::answer),
    ]
}

/// An endpoint of an opened lesson.
fn lesson_endpoint<Q: DeserializeOwned + 'static, A: Serialize + 'static>(
    name: &'static str,
    engine: &Arc<Engine>,
    answer: fn(&Q, &Engine, Effort<'_>) -> Result<A, LessonError>,
) -> Box<dyn Endpoint> {
    let engine = Arc::clone(engine);
    endpoint(name, move |call: &Call<'_>| {
        let effort = Effort { threads: call.threads(), is_over: &|| call.is_over() };
        answer(&call.parse()?, &engine, effort).map_err(|error| match error {
            LessonError::OutOfTime => EndpointError::OutOfTime,
            error => EndpointError::Request(error.to_string()),
        })
    })
}
