//! What is mounted into a container may stand inside of each other, but not in every way.

use score_spec::names::MountPath;

use super::{ValidFile, ValidVolume};

/// What is in the way, one sentence each. `path` is the container's.
pub(super) fn check(path: &str, files: &[ValidFile], volumes: &[ValidVolume], problems: &mut Vec<String>) {
    let file_mounts =
        files.iter().map(|file| Mount { kind: "files", target: &file.target, holds: Holds::Nothing });
    let volume_mounts = volumes.iter().map(|volume| Mount {
        kind: "volumes",
        target: &volume.target,
        holds: if volume.read_only { Holds::WhatItHas } else { Holds::Anything },
    });
    let mut mounts: Vec<_> = file_mounts.chain(volume_mounts).collect();
    mounts.sort_by_key(|mount| mount.target);
    for mount in &mounts {
        let field = mount.field(path);
        if mount.target.as_str() == "/proc" || mount.target.as_str().starts_with("/proc/") {
            problems.push(format!("{field}: nothing can be put into /proc: choose another path."));
        }
        if mount.target.as_str().contains(':') {
            problems.push(format!("{field}: the path may not hold a colon: choose another."));
        }
        let outer = mounts.iter().find_map(|outer| Some(outer).zip(outer.objection_to(mount)));
        if let Some((outer, objection)) = outer {
            problems.push(format!("{field}: the path lies inside of {}, {objection}.", outer.field(path)));
        }
    }
    for pair in mounts.windows(2) {
        if let [one, other] = pair
            && one.target == other.target
        {
            problems.push(format!(
                "{}: is the same path as {}: choose another.",
                other.field(path),
                one.field(path)
            ));
        }
    }
}

struct Mount<'a> {
    kind: &'static str,
    target: &'a MountPath,
    holds: Holds,
}

/// What can be mounted inside of a mount.
#[derive(Clone, Copy)]
enum Holds {
    Nothing,
    /// Nothing new: the place for it would have to be made first.
    WhatItHas,
    Anything,
}

impl Mount<'_> {
    fn field(&self, path: &str) -> String {
        format!("{path}.{}[{:?}]", self.kind, self.target.as_str())
    }

    fn objection_to(&self, inner: &Self) -> Option<&'static str> {
        let rest = inner.target.as_str().strip_prefix(self.target.as_str())?;
        match self.holds {
            _ if !rest.starts_with('/') => None,
            Holds::Nothing => Some("which is a file: choose another path"),
            Holds::WhatItHas => Some("which is read-only: choose another path, or leave readOnly out there"),
            Holds::Anything => None,
        }
    }
}
