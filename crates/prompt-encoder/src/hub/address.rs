//! Addresses: whose one is, and where a redirect leads.

use ureq::http::Uri;

/// Scheme, host and port: who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) is_https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an http or https address. None of one with a user or password in it: what stands before the `@`
    /// reads like a host and is none.
    pub(super) fn of(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        let is_https = match uri.scheme_str()?.to_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host)? {
            "" if is_https => 443,
            "" => 80,
            _ => authority.port_u16()?,
        };
        (!host.is_empty()).then(|| Self { is_https, host: host.to_lowercase(), port })
    }

    /// Whether it is this machine.
    pub(super) fn is_own(&self) -> bool {
        ["127.0.0.1", "localhost", "[::1]"].contains(&self.host.as_str())
    }
}

/// Whether an address names a user or a password.
pub(super) fn has_user(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// Where the answer from `from` sends on to, if that is an http or https address.
pub(super) fn onward(from: &str, location: &str) -> Option<String> {
    let (scheme, rest) = from.split_once("://")?;
    let location = location.split('#').next()?.trim();
    let is_scheme = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let to = if location.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{}{location}", rest.split(['/', '?']).next()?)
    } else {
        let path = rest.split('?').next()?;
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        format!("{scheme}://{folder}/{location}")
    };
    Origin::of(&to).map(|_| to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let own = Origin::of("http://localhost:5000/a").unwrap();
        assert!(own.is_own() && !own.is_https);
        assert_eq!(Origin::of("HTTP://LocalHost:5000"), Some(own.clone()));
        for other in ["http://localhost:6000", "https://localhost:5000", "http://localhost", "http://a:5000"]
        {
            assert_ne!(Origin::of(other), Some(own.clone()), "{other}");
        }
        assert_eq!(Origin::of("https://hub.example:443/x"), Origin::of("https://hub.example"));
        assert!(Origin::of("http://[::1]:80").unwrap().is_own());
        assert!(!Origin::of("http://localhost.evil.example").unwrap().is_own());
        let bad =
            ["ftp://a", "a/b", "http://", "http://a:x", "http://localhost:x@evil.example", "http://u@a"];
        for none in bad {
            assert_eq!(Origin::of(none), None, "{none}");
        }
    }

    #[test]
    fn users_are_seen_before_the_host_alone() {
        assert!(has_user("http://localhost:x@evil.example") && has_user("u:p@a/b"));
        assert!(!has_user("https://hub.example/a@b") && !has_user("https://hub.example?a@b"));
    }

    #[test]
    fn a_redirect_leads_where_its_place_says() {
        let from = "https://hub.example:8/a/b?c=d/e";
        for (location, to) in [
            ("https://other.example/x#y", Some("https://other.example/x")),
            ("//other.example/x", Some("https://other.example/x")),
            ("/x?y", Some("https://hub.example:8/x?y")),
            ("x?y=http://z", Some("https://hub.example:8/a/x?y=http://z")),
            ("file://x", None),
            ("https://u:p@other.example/x", None),
        ] {
            assert_eq!(onward(from, location).as_deref(), to, "{location}");
        }
    }
}
