//! With the feature `embed`: a list of the files in `target/site`, with their content, for `src/http/site.rs`.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBED").is_none() {
        return Ok(());
    }
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let site = here.join("target/site");
    println!("cargo::rerun-if-changed={}", site.display());
    if !site.join("pkg").is_dir() {
        return Err(io::Error::other("target/site is missing; run scripts/build-site before a build with `embed`"));
    }
    let mut list = String::from("static SITE: &[(&str, &[u8])] = &[\n");
    add(&site, &site, &mut list)?;
    list.push_str("];\n");
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("site.rs"), list)
}

fn add(site: &Path, folder: &Path, list: &mut String) -> io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            add(site, &path, list)?;
        } else if let Ok(name) = path.strip_prefix(site) {
            let name = name.to_string_lossy().replace('\\', "/");
            list.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", path.display().to_string()));
        }
    }
    Ok(())
}
