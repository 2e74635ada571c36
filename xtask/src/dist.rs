//! `cargo xtask dist`: the archive that users unpack.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap_complete::Shell;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::binary::{self, Profile};
use crate::process;

/// Where the archive and its checksum are written.
const FOLDER: &str = "target/dist";
/// The package whose binary it is.
const PACKAGE: &str = "gradus-cli";
const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell];
/// What the name of a file with the terms of a licence begins with.
const TERMS: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// Builds the binary and writes the archive: the binary, licences, the list of what is in it, completions and man pages; then
/// unpacks it in an empty folder, as another user if this one may become another, and trains.
///
/// # Errors
///
/// If something cannot be built or written, or what was unpacked does not train.
pub(crate) fn run() -> anyhow::Result<()> {
    let binary = binary::build(Profile::Release)?;
    let bytes = fs::read(&binary).with_context(|| binary.display().to_string())?;
    let parts = BinaryParts::read()?;
    let (version, host) = (&parts.root["version"], process::host_target()?);
    let name = format!("gradus-{}-{host}", version.as_str().context("version")?);
    let folder = Path::new(FOLDER).join(&name);
    let _ = fs::remove_dir_all(FOLDER);
    for part in ["completions", "man", "licenses"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::copy(binary, folder.join("gradus"))?;
    for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(file, folder.join(file)).with_context(|| file.to_owned())?;
    }
    fs::copy("crates/mnist/README.md", folder.join("licenses/MNIST.md"))?;
    fs::write(folder.join("licenses/THIRD-PARTY.txt"), parts.terms()?)?;
    fs::write(folder.join("sbom.cdx.json"), serde_json::to_string_pretty(&parts.sbom()?)? + "\n")?;
    let mut command = commands::command();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, "gradus", folder.join("completions"))?;
    }
    clap_mangen::generate_to(command, folder.join("man"))?;

    let archive = PathBuf::from(FOLDER).join(format!("{name}.tar.gz"));
    let time = process::read(Command::new("git").args(["log", "-1", "--format=%ct"]))?;
    let mtime = format!("--mtime=@{}", time.trim());
    process::run(
        Command::new("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", &mtime])
            .args(["-C", FOLDER, "--use-compress-program", "gzip -n", "-cf"])
            .arg(&archive)
            .arg(&name),
    )?;
    let sum = Sha256::digest(fs::read(&archive)?);
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(format!("{FOLDER}/SHA256SUMS"), format!("{sum}  {name}.tar.gz\n"))?;
    try_out(&archive, &name)?;
    let glibc =
        newest_glibc(&bytes).map_or("none".to_owned(), |[major, minor]| format!("{major}.{minor}"));
    println!("{}, {} bytes", archive.display(), fs::metadata(&archive)?.len());
    println!("sha256 {sum}");
    println!("needs glibc {glibc} or newer; {} packages", parts.packages.len());
    Ok(())
}

/// Unpacks an archive where nothing else is, and trains with what is in it.
fn try_out(archive: &Path, name: &str) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let empty = scratch.path();
    process::run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(empty))?;
    let train =
        format!("cd {0}/{name} && ./gradus train softmax --steps 50 --run here", empty.display());
    let is_root = process::read(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = match is_root && process::is_installed("runuser") {
        true => {
            process::run(Command::new("chown").args(["-R", "nobody"]).arg(empty))?;
            let mut command = Command::new("runuser");
            command.args(["-u", "nobody", "--", "sh", "-c", &train]);
            command
        }
        false => {
            let mut command = Command::new("sh");
            command.args(["-c", &train]);
            command
        }
    };
    let output = command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "what was unpacked does not train: {said}");
    let model = empty.join(name).join("here/checkpoints/last.safetensors");
    ensure!(model.is_file(), "what was unpacked saved no model");
    Ok(())
}

/// The newest version of glibc whose functions a binary calls.
fn newest_glibc(binary: &[u8]) -> Option<[u32; 2]> {
    const MARK: &[u8] = b"GLIBC_";
    let versions = binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let versions = versions.filter_map(|(at, _)| {
        let rest = &binary[at + MARK.len()..];
        let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
        let (major, minor) = std::str::from_utf8(&rest[..end]).ok()?.split_once('.')?;
        let minor = minor.split('.').next()?;
        Some([major.parse().ok()?, minor.parse().ok()?])
    });
    versions.max()
}

/// What a binary is made of.
struct BinaryParts {
    root: Value,
    /// By their ids, without those of the repository.
    packages: BTreeMap<String, Value>,
    /// What each needs, those of the repository too.
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl BinaryParts {
    fn read() -> anyhow::Result<Self> {
        let host = process::host_target()?;
        let args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &host];
        let metadata: Value =
            serde_json::from_str(&process::read(Command::new("cargo").args(args))?)?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let id_of = |package: &Value| package["id"].as_str().unwrap_or_default().to_owned();
        let all: BTreeMap<String, Value> = list(&metadata["packages"])
            .into_iter()
            .map(|package| (id_of(&package), package))
            .collect();
        let root =
            all.values().find(|package| package["name"] == PACKAGE).context(PACKAGE)?.clone();
        let mut graph = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            // What only builds or tests need is not in the binary.
            let is_in = |needed: &Value| {
                list(&needed["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
            };
            let needed = list(&node["deps"]).into_iter().filter(is_in);
            let needed: BTreeSet<String> = needed
                .map(|needed| needed["pkg"].as_str().unwrap_or_default().to_owned())
                .collect();
            graph.insert(id_of(&node), needed);
        }
        let (mut needs, mut waiting) = (BTreeMap::new(), vec![id_of(&root)]);
        while let Some(id) = waiting.pop() {
            let needed = graph.get(&id).cloned().unwrap_or_default();
            waiting.extend(needed.iter().filter(|id| !needs.contains_key(*id)).cloned());
            needs.insert(id, needed);
        }
        let is_foreign = |package: &Value| !package["source"].is_null();
        let packages =
            all.into_iter().filter(|(id, package)| needs.contains_key(id) && is_foreign(package));
        Ok(Self { root, packages: packages.collect(), needs })
    }

    /// The terms of all packages, equal ones once.
    fn terms(&self) -> anyhow::Result<String> {
        let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in self.packages.values() {
            let text = |field: &str| package[field].as_str().unwrap_or_default();
            let title = format!("{} {} ({})", text("name"), text("version"), text("license"));
            let folder = Path::new(text("manifest_path")).parent().context("a folder")?;
            let mut files = Vec::new();
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
                if path.is_file() && TERMS.iter().any(|start| name.starts_with(start)) {
                    files.push(path);
                }
            }
            files.sort();
            for file in files {
                let terms = String::from_utf8_lossy(&fs::read(&file)?).trim().to_owned();
                by_text.entry(terms).or_default().push(title.clone());
            }
            // Some packages name their terms and do not contain them.
            if !by_text.values().flatten().any(|known| *known == title) {
                by_text
                    .entry(format!("See https://spdx.org/licenses for {}.", text("license")))
                    .or_default()
                    .push(title);
            }
        }
        let line = "=".repeat(80);
        let parts = by_text
            .into_iter()
            .map(|(terms, titles)| format!("{line}\n{}\n{line}\n\n{terms}\n\n", titles.join("\n")));
        Ok(parts.collect())
    }

    /// The list of what is in the binary, in the format CycloneDX 1.5.
    fn sbom(&self) -> anyhow::Result<Value> {
        let lock = fs::read_to_string("Cargo.lock")?;
        let checksums = checksums(&lock);
        let name_and_version = |package: &Value| {
            ["name", "version"].map(|field| package[field].as_str().unwrap_or_default().to_owned())
        };
        // Ids would name folders of this machine.
        let purl = |package: &Value| format!("pkg:cargo/{}", name_and_version(package).join("@"));
        let purls = |ids: &BTreeSet<String>| -> Vec<String> {
            ids.iter().filter_map(|id| self.packages.get(id)).map(purl).collect()
        };
        let component = |kind: &str, package: &Value| {
            let [name, version] = name_and_version(package);
            let mut component = json!({
                "type": kind, "bom-ref": purl(package), "name": name, "version": version,
                "purl": purl(package),
                "licenses": [{ "expression": package["license"] }],
            });
            if let Some(sum) = checksums.get(&(name, version)) {
                component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
            }
            component
        };
        // The crates of the repository are one component.
        let is_own = |id: &String| !self.packages.contains_key(id);
        let own = self.needs.iter().filter(|(id, _)| is_own(id)).flat_map(|(_, needed)| needed);
        let own = purls(&own.cloned().collect());
        let mut dependencies = vec![json!({ "ref": purl(&self.root), "dependsOn": own })];
        for (id, package) in &self.packages {
            dependencies.push(json!({ "ref": purl(package), "dependsOn": purls(&self.needs[id]) }));
        }
        Ok(json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": { "component": component("application", &self.root) },
            "components": self.packages.values().map(|package| component("library", package)).collect::<Vec<_>>(),
            "dependencies": dependencies,
        }))
    }
}

/// The checksums in a lock file by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let packages = lock.split("[[package]]").skip(1);
    let field = |package: &str, name: &str| -> Option<String> {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let found = packages.filter_map(|package| {
        Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_glibc_is_found() {
        let binary = b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0x";
        assert_eq!(newest_glibc(binary), Some([2, 34]));
        assert_eq!(newest_glibc(b"static"), None);
    }

    #[test]
    fn checksums_are_read_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        let found = checksums(lock);
        assert_eq!(found.len(), 1);
        assert_eq!(found[&("a".to_owned(), "1.0.0".to_owned())], "00ff");
    }
}
