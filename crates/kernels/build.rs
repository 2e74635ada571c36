//! Tells the crate how much it is optimised, which a program cannot find out otherwise.

fn main() {
    let level = std::env::var("OPT_LEVEL").expect("Cargo sets it for build scripts");
    println!("cargo::rustc-env=GRADUS_OPT_LEVEL={level}");
    println!("cargo::rerun-if-changed=build.rs");
}
