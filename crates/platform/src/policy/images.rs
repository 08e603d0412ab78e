//! Which registries and repositories images may come from.

use std::fmt;

/// A prefix of image names, which ends where a part of a name does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImagePrefix {
    text: String,
    /// What it may mean, with the registry.
    full: Vec<String>,
}

impl ImagePrefix {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), full: full_prefixes(text) }
    }

    /// Whether an image is in the registry or the repository, or is the image, that the prefix names.
    pub(super) fn allows(&self, image: &str) -> bool {
        let image = full_name(image);
        self.full.iter().any(|prefix| is_prefix(prefix, &image))
    }
}

impl fmt::Display for ImagePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.text)
    }
}

fn is_prefix(prefix: &str, image: &str) -> bool {
    let Some(rest) = image.strip_prefix(prefix) else { return false };
    // A colon before the last slash is that of a port: another registry.
    let is_tag = rest.starts_with(':') && !rest.contains('/');
    match prefix.ends_with('/') {
        true => !rest.is_empty(),
        false => rest.is_empty() || rest.starts_with(['/', '@']) || is_tag,
    }
}

/// The name of an image with its registry: what has none is in `docker.io`, and in `library` if it is one word.
fn full_name(image: &str) -> String {
    match image.split_once('/') {
        None => format!("docker.io/library/{image}"),
        Some(("docker.io" | "index.docker.io", rest)) if rest.contains('/') => format!("docker.io/{rest}"),
        Some(("docker.io" | "index.docker.io", rest)) => format!("docker.io/library/{rest}"),
        Some((first, _)) if is_registry(first) || first.contains(':') => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
    }
}

/// The same for a prefix, which may be a registry alone, or `docker.io/team` as well as `docker.io/nginx`.
fn full_prefixes(prefix: &str) -> Vec<String> {
    match prefix.split_once('/') {
        None if is_registry(prefix.split(':').next().unwrap_or(prefix)) => vec![prefix.to_owned()],
        Some(("docker.io" | "index.docker.io", rest)) => {
            let as_team = format!("docker.io/{rest}");
            let as_image = (!rest.is_empty() && !rest.contains('/')).then(|| full_name(prefix));
            std::iter::once(as_team).chain(as_image).collect()
        }
        _ => vec![full_name(prefix)],
    }
}

fn is_registry(host: &str) -> bool {
    host.contains('.') || host == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(prefix: &str, image: &str) -> bool {
        ImagePrefix::new(prefix).allows(image)
    }

    #[test]
    fn a_prefix_allows_what_is_below_it() {
        for (prefix, image) in [
            ("registry.example.com", "registry.example.com/team/app:1"),
            ("registry.example.com/", "registry.example.com/app"),
            ("registry.example.com/team", "registry.example.com/team/app@sha256:abc"),
            ("registry.example.com/team/", "registry.example.com/team/app"),
            ("registry.example.com/team/app", "registry.example.com/team/app:1.2"),
            ("registry.example.com/team/app", "registry.example.com/team/app"),
            ("registry.example.com/team/app:1", "registry.example.com/team/app:1"),
            ("registry.example.com/team/app:1", "registry.example.com/team/app:1@sha256:abc"),
            ("localhost:5000", "localhost:5000/app"),
            ("localhost", "localhost/score/app:dev"),
        ] {
            assert!(allows(prefix, image), "{prefix} allows {image}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_part_of_a_name_does() {
        for (prefix, image) in [
            ("registry.example.com", "registry.example.com.evil.org/app"),
            ("registry.example.com", "registry.example.community/app"),
            ("registry.example.com", "registry.example.com:5000/app"),
            ("registry.example.com/team", "registry.example.com/team-b/app"),
            ("registry.example.com/team/", "registry.example.com/team:1"),
            ("registry.example.com/team/app:1", "registry.example.com/team/app:1.2"),
            ("localhost", "localhost.example.com/app"),
            ("localhost:5000", "localhost:50001/app"),
            ("registry.example.com", "evil.org/registry.example.com/app"),
        ] {
            assert!(!allows(prefix, image), "{prefix} does not allow {image}");
        }
    }

    #[test]
    fn an_image_without_a_registry_is_one_of_docker_io() {
        for (prefix, image) in [
            ("docker.io", "nginx"),
            ("docker.io/library", "nginx:1.27"),
            ("docker.io/nginx", "nginx"),
            ("nginx", "docker.io/library/nginx:1"),
            ("nginx:1.27", "nginx:1.27"),
            ("myteam/", "myteam/app"),
            ("docker.io/myteam", "myteam/app"),
            ("docker.io/library", "index.docker.io/library/nginx"),
        ] {
            assert!(allows(prefix, image), "{prefix} allows {image}");
        }
        assert!(!allows("nginx", "nginx-evil"));
        assert!(!allows("nginx", "nginx/nginx-ingress"));
        assert!(!allows("registry.example.com", "nginx"));
    }
}
