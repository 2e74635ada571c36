//! What pages can ask the engine: a file and an entry in the list for each subject.

use ::studio::Endpoint;

/// The endpoints of each subject.
const SUBJECTS: &[fn() -> Vec<Box<dyn Endpoint>>] = &[];

/// The endpoints of the library's own pages.
pub fn endpoints() -> Vec<Box<dyn Endpoint>> {
    SUBJECTS.iter().flat_map(|endpoints| endpoints()).collect()
}
