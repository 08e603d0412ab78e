//! The package of a chart: fetched once, held to its digest, and kept as long as the folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use resource_template::{HelmChart, shortened_to};
use sha2::{Digest as _, Sha256};

use super::{
    LONGEST, Trouble,
    access::Access,
    tool::{Ended, Scratch, Tool},
};
use crate::digest::{digest, hexadecimal};

/// How long a fetch may take.
const FETCH: Duration = Duration::from_secs(60);
/// How long a look into a package may take.
const LOOK: Duration = Duration::from_secs(20);

const PACKAGE: &str = "chart.tgz";
const ABOUT: &str = "about.yaml";

/// A chart on disk.
#[derive(Clone, Debug)]
pub(super) struct Package {
    /// The archive.
    pub(super) file: PathBuf,
    /// Its Chart.yaml.
    pub(super) about: String,
}

/// What tells `chart` from others.
pub(super) fn key(chart: &HelmChart) -> String {
    let plain = if chart.plain_http { "http" } else { "https" };
    let digest_of = chart.digest.as_deref().unwrap_or_default();
    let parts = [chart.reference(), chart.repository().unwrap_or_default(), &chart.version, digest_of, plain];
    digest(parts.map(str::as_bytes))
}

/// The package of `chart`.
///
/// # Errors
/// If Helm cannot be run, or the folder not be used.
pub(super) fn fetch(tool: &Tool, chart: &HelmChart, access: &Access) -> io::Result<Result<Package, Trouble>> {
    let folder = tool.packages().join(key(chart));
    if let Some(package) = kept(&folder) {
        return Ok(Ok(package));
    }
    let scratch = tool.scratch()?;
    let arguments: Vec<_> =
        pull(chart, scratch.path()).into_iter().chain(access.arguments(scratch.path())?).collect();
    let fetched = match tool.run(scratch.path(), &arguments, FETCH)? {
        Ended::Well(_) => archive(&scratch)?,
        Ended::Badly(why) => return Ok(Err(Trouble::Unreachable(why))),
        Ended::Late => {
            let why = format!("no answer within {} s", FETCH.as_secs());
            return Ok(Err(Trouble::Unreachable(why)));
        }
    };
    let Some(fetched) = fetched else {
        return Ok(Err(Trouble::Unreachable("Helm has fetched nothing".to_owned())));
    };
    if let Some(why) = differs(chart, &fetched)? {
        return Ok(Err(Trouble::Other(why)));
    }
    let about = match tool.run(scratch.path(), &show(&fetched), LOOK)? {
        Ended::Well(about) => about,
        Ended::Badly(why) => {
            return Ok(Err(Trouble::Other(format!(
                "is not a chart: Helm says `{}`",
                shortened_to(LONGEST, &why)
            ))));
        }
        Ended::Late => return Ok(Err(Trouble::Other("takes too long to look into".to_owned()))),
    };
    Ok(Ok(keep(&fetched, &about, &folder)?))
}

/// The package in `folder`, if one was kept there.
fn kept(folder: &Path) -> Option<Package> {
    let about = fs::read_to_string(folder.join(ABOUT)).ok()?;
    Some(Package { file: folder.join(PACKAGE), about })
}

/// Keeps a package, all of it or nothing.
fn keep(fetched: &Path, about: &str, folder: &Path) -> io::Result<Package> {
    let whole = fetched.with_extension("kept");
    fs::create_dir_all(&whole)?;
    fs::rename(fetched, whole.join(PACKAGE))?;
    fs::write(whole.join(ABOUT), about)?;
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match (fs::rename(&whole, folder), kept(folder)) {
        // Or another claim's was there first, which is the same.
        (_, Some(package)) => Ok(package),
        (Err(error), None) => Err(error),
        (Ok(()), None) => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The archive that was fetched into `scratch`.
fn archive(scratch: &Scratch) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(scratch.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// How the archive at `path` differs from what the platform holds `chart` to.
fn differs(chart: &HelmChart, path: &Path) -> io::Result<Option<String>> {
    let Some(expected) = &chart.digest else { return Ok(None) };
    let found = hexadecimal(&Sha256::digest(fs::read(path)?));
    let why = format!("was fetched with the digest sha256:{found}, which is not the one that is declared");
    Ok((found != *expected).then_some(why))
}

/// The arguments by which Helm fetches `chart` into `folder`.
fn pull(chart: &HelmChart, folder: &Path) -> Vec<String> {
    let mut arguments = vec![
        "pull".to_owned(),
        chart.reference().to_owned(),
        format!("--version={}", chart.version),
        format!("--destination={}", folder.display()),
    ];
    arguments.extend(chart.repository().map(|address| format!("--repo={address}")));
    // Of a repository the address says it.
    arguments.extend((chart.plain_http && chart.repository().is_none()).then(|| "--plain-http".to_owned()));
    arguments
}

/// The arguments by which Helm shows the Chart.yaml of the package at `path`.
fn show(path: &Path) -> Vec<String> {
    vec!["show".to_owned(), "chart".to_owned(), path.display().to_string()]
}

#[cfg(test)]
mod tests {
    use resource_template::Declaration;
    use serde_json::json;

    use super::*;

    fn arguments(helm: serde_json::Value) -> String {
        let declaration = json!({"helm": helm});
        let declaration = Declaration::read(declaration.as_object().unwrap()).unwrap();
        pull(declaration.helm().unwrap(), Path::new("/w")).join(" ")
    }

    #[test]
    fn a_chart_is_fetched_by_name_and_version_from_where_it_is_declared() {
        for (chart, expected) in [
            (
                json!({"chart": "oci://charts.example.com:5000/team/cache", "version": "1.2.3"}),
                "pull oci://charts.example.com:5000/team/cache --version=1.2.3 --destination=/w",
            ),
            (
                json!({"chart": "oci://charts.example.com/cache", "version": "1.2.3", "plainHttp": true}),
                "pull oci://charts.example.com/cache --version=1.2.3 --destination=/w --plain-http",
            ),
            (
                json!({"chart": "cache", "repository": "http://10.0.0.1/charts", "version": "v1.2.3-rc.1", "plainHttp": true}),
                "pull cache --version=v1.2.3-rc.1 --destination=/w --repo=http://10.0.0.1/charts",
            ),
        ] {
            assert_eq!(arguments(chart), expected);
        }
    }
}
