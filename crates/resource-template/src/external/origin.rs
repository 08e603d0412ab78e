//! Where an API is.

use std::{fmt, str::FromStr};

use object_template::{has_template, shortened};
use url::{Origin as UrlOrigin, Url};

/// Scheme, host and port, as `https://api.example.com` or `http://127.0.0.1:8080`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = parsed(text)?;
        if url.path() != "/" || url.query().is_some() {
            return Err(format!("`{}` is more than scheme, host and port", shortened(text)));
        }
        Ok(Self::of(&url))
    }
}

impl Origin {
    fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }
}

/// The address that all requests of a declaration begin with. No Workload has a say in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    origin: Origin,
    /// Without a slash at the end.
    address: String,
}

impl Base {
    /// The address in `text`; unencrypted only if that is said.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, plain_http: bool) -> Result<Self, String> {
        if has_template(text) {
            return Err("cannot be a template: where the API is must be known before".into());
        }
        let url = parsed(text)?;
        match (url.scheme(), plain_http) {
            ("https", false) | ("http", true) => {}
            ("https", true) => return Err("is encrypted: remove `plainHttp`, or write http://".into()),
            _ => return Err("is not encrypted: write https://, or say `plainHttp: true`".into()),
        }
        if url.query().is_some() {
            return Err("has a query: write that under `query` of a request".into());
        }
        Ok(Self { origin: Origin::of(&url), address: url.as_str().trim_end_matches('/').to_owned() })
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The address of `path`, which is encoded and begins with a slash unless it is empty, with `query`.
    ///
    /// # Errors
    /// If that would lead anywhere else.
    pub(crate) fn join(&self, path: &str, query: &[(String, String)]) -> Result<String, String> {
        // Without the slash, it could go on where the host ends.
        if !path.is_empty() && !path.starts_with('/') {
            return Err(format!("`{}` must begin with a slash", shortened(path)));
        }
        let text = format!("{}{path}", self.address);
        let mut url = Url::parse(&text).map_err(|error| format!("`{}`: {error}", shortened(path)))?;
        // What was left out or resolved by the parser was no plain path.
        if url.as_str().trim_end_matches('/') != text.trim_end_matches('/') || Origin::of(&url) != self.origin
        {
            return Err(format!("`{}` leads elsewhere", shortened(path)));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url.into())
    }
}

fn parsed(text: &str) -> Result<Url, String> {
    let wrong = |why: &dyn fmt::Display| format!("`{}` is not the address of an API: {why}", shortened(text));
    let url = Url::parse(text).map_err(|error| wrong(&error))?;
    if !matches!(url.scheme(), "http" | "https") || !matches!(url.origin(), UrlOrigin::Tuple(..)) {
        return Err(wrong(&"it must begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(&"it must not hold credentials: give them by `secretRef`"));
    }
    if url.fragment().is_some() {
        return Err(wrong(&"it has a fragment"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_in_one_form() {
        for (text, expected) in [
            ("https://API.example.com", "https://api.example.com"),
            ("https://api.example.com:443/", "https://api.example.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            // Other ways to write the same host are the same host.
            ("http://0x7f.1:80", "http://127.0.0.1"),
            ("http://[::1]:81", "http://[::1]:81"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), expected);
        }
        for text in [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "file:///etc/passwd",
            "https://",
            "https://user@api.example.com",
            "https://:secret@api.example.com",
            "https://api.example.com/v1",
            "https://api.example.com/?a=b",
            "https://api.example.com/#a",
            "https://*.example.com:x",
            "unix:/run/socket",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_encrypted_unless_it_says_that_it_is_not() {
        let read = |text: &str, plain| Base::read(text, plain).map(|base| base.address);
        assert_eq!(read("https://api.example.com/v1/", false).unwrap(), "https://api.example.com/v1");
        assert_eq!(read("http://api.example.com", true).unwrap(), "http://api.example.com");
        for (text, plain, words) in [
            ("http://api.example.com", false, "not encrypted"),
            ("https://api.example.com", true, "is encrypted"),
            ("https://{{ params.host }}/v1", false, "template"),
            ("https://api.example.com/v1?a=b", false, "query"),
            ("https://token@api.example.com/v1", false, "secretRef"),
        ] {
            assert!(read(text, plain).unwrap_err().contains(words), "{text}");
        }
    }

    #[test]
    fn a_path_stays_below_the_address() {
        let base = Base::read("https://api.example.com/v1", false).unwrap();
        let join = |path: &str| base.join(path, &[]);
        assert_eq!(join("/buckets/a%2Fb").unwrap(), "https://api.example.com/v1/buckets/a%2Fb");
        assert_eq!(join("").unwrap(), "https://api.example.com/v1");
        assert_eq!(
            base.join("/b", &[("a b".into(), "c&d=e#f".into())]).unwrap(),
            "https://api.example.com/v1/b?a+b=c%26d%3De%23f"
        );
        for path in [
            "/..",
            "/../admin",
            "/a/%2e%2e/b",
            "/./a",
            "/%2E",
            "@evil.example.com/",
            ":81/",
            "/a\\b",
            ".evil.com/",
        ] {
            assert!(join(path).is_err(), "{path}: {:?}", join(path));
        }
    }
}
