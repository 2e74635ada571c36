//! The readers: a file each, and a name in the list.

macro_rules! targets {
    ($($name:ident,)*) => {
        $(mod $name;)*

        const ALL: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run)),*];
    };
}

targets! {
    checkpoint,
    command,
    csv,
    events,
    experiment,
    file,
    formula,
    http,
    idx,
    lesson,
    model,
    npy,
    npz,
    onnx,
    picture,
    transforms,
    tuning,
    weights,
}

/// The reader that the environment names.
pub(crate) fn chosen() -> fn(&[u8]) {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = ALL.iter().find(|(known, _)| *known == name);
    let names = || ALL.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
    found.unwrap_or_else(|| panic!("FUZZ_TARGET: expected one of {}, found {name:?}", names())).1
}

/// Looks at a table, and reads all its rows.
fn read_table(source: Result<impl gradus::data::columns::TableSource, gradus::data::DataError>) {
    if let Ok(source) = source {
        let _ = gradus::data::TableReport::of(&source);
    }
}
