//! Says which package is missing before the build of the MPI bindings fails without saying so.

use std::env;
use std::path::{Path, PathBuf};
use std::process::exit;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["MPICC", "LIBCLANG_PATH", "PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_MPI").is_none() {
        return;
    }
    let compiler = env::var("MPICC").unwrap_or_else(|_| "mpicc".into());
    // By these the library is found without a compiler of its own.
    let others = ["MPI_PKG_CONFIG", "CRAY_MPICH_DIR", "MSMPI_INC"];
    if !on_path(&compiler) && others.iter().all(|other| env::var_os(other).is_none()) {
        println!(
            "cargo::error=feature `mpi`: expected the MPI compiler {compiler:?} in PATH, found none; \
             install an MPI library with its headers (Debian: `apt install libopenmpi-dev openmpi-bin`, \
             Fedora: `dnf install openmpi-devel` and `module load mpi`), or set MPICC"
        );
        exit(1);
    }
    if !has_libclang() {
        println!(
            "cargo::warning=feature `mpi`: no libclang where it usually is; if `mpi-sys` does not build, install it \
             (Debian: `apt install libclang-dev`, Fedora: `dnf install clang-devel`), or set LIBCLANG_PATH"
        );
    }
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_file()
        || env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn has_libclang() -> bool {
    let given = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    let mut directories: Vec<PathBuf> = given.into_iter().collect();
    for parent in ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/opt/llvm/lib"] {
        directories.push(parent.into());
        let children = Path::new(parent).read_dir().into_iter().flatten().flatten();
        directories.extend(children.flat_map(|child| [child.path(), child.path().join("lib")]));
    }
    let entries = directories.iter().flat_map(|directory| directory.read_dir()).flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| {
        let is_other = name.starts_with("libclang-cpp");
        name.starts_with("libclang.") || name.starts_with("libclang-") && !is_other
    })
}
