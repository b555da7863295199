//! What is configured: parsed once, so that nothing that Pinecone would refuse is ever sent.

use std::fmt;

use reqwest::Url;

/// Something configured that cannot be right, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPineconeSetting(pub String);

/// The name of an index: 1 to 45 lower-case letters, digits and hyphens, no hyphen at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexName(String);

impl IndexName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidPineconeSetting`].
    pub fn parse(text: &str) -> Result<Self, InvalidPineconeSetting> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=45).contains(&text.len()) || !text.chars().all(allowed) || text.starts_with('-') || text.ends_with('-')
        {
            return Err(InvalidPineconeSetting(format!(
                "{text:?} cannot name an index: 1 to 45 lower-case letters, digits and hyphens, no hyphen at either end"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of an index, always named: 1 to 512 ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// The name of the part that clients write to which name none.
    pub const DEFAULT: &str = "__default__";

    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidPineconeSetting`]; also for an empty one, which Pinecone reads as `__default__`.
    pub fn parse(text: &str) -> Result<Self, InvalidPineconeSetting> {
        if !(1..=512).contains(&text.len()) || !text.bytes().all(|byte| (1..=0x7f).contains(&byte)) {
            return Err(InvalidPineconeSetting(format!("{text:?} cannot name a namespace: 1 to 512 ASCII characters")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an index's data or the control plane is: `http` or `https`, with a path where something stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(Url);

impl Host {
    /// Reads `name.svc.pinecone.io`, which means `https`, or an address with its scheme.
    ///
    /// # Errors
    /// [`InvalidPineconeSetting`].
    pub fn parse(text: &str) -> Result<Self, InvalidPineconeSetting> {
        let text = text.trim();
        // What cannot be read is not repeated: it may hold a password.
        let wrong = |why: &str| {
            InvalidPineconeSetting(format!("{why}; write for example my-index-abc123.svc.aped-4627-b74a.pinecone.io"))
        };
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(full.trim_end_matches('/')).map_err(|error| wrong(&format!("is no address ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("is no http address"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a ? or a # in it"));
        }
        Ok(Self(url))
    }

    /// The address of something there; parts of the path are escaped.
    pub(super) fn join(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        // Only addresses such as `mailto:` have no segments, and `parse` takes none of them.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// In whose data centre an index lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `aws`, `gcp` or `azure`.
    pub(super) cloud: String,
    /// Such as `us-east-1`, as the cloud calls it.
    pub(super) region: String,
}

impl Deployment {
    /// Checks the cloud; regions come and go, so Pinecone says whether it knows one.
    ///
    /// # Errors
    /// [`InvalidPineconeSetting`].
    pub fn parse(cloud: &str, region: &str) -> Result<Self, InvalidPineconeSetting> {
        if !matches!(cloud, "aws" | "gcp" | "azure") {
            return Err(InvalidPineconeSetting(format!("{cloud:?} is no cloud of Pinecone; write aws, gcp or azure")));
        }
        if region.is_empty() || region.len() > 64 || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(InvalidPineconeSetting(format!("{region:?} is no region; write for example us-east-1")));
        }
        Ok(Self { cloud: cloud.to_owned(), region: region.to_owned() })
    }
}

impl Default for Deployment {
    /// The ADR's: `aws`, `us-east-1`, where the free plan's indexes have to be.
    fn default() -> Self {
        Self { cloud: "aws".to_owned(), region: "us-east-1".to_owned() }
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cloud, self.region)
    }
}

/// An index to be: always of one dense vector, compared by cosine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name.
    pub name: IndexName,
    /// Numbers per vector, 1 to 20,000.
    pub dimension: usize,
    /// Where it lies.
    pub deployment: Deployment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_are_those_that_pinecone_takes() {
        for good in ["a", "cjhirashi-knowledge", "0-0", &"x".repeat(45)] {
            assert_eq!(IndexName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", "ñ", &"x".repeat(46)] {
            assert!(IndexName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_namespace_is_always_named() {
        assert!(Namespace::parse("local:e5@384").is_ok());
        for bad in ["", "ñ", "a\0", &"x".repeat(513)] {
            assert!(Namespace::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_https_unless_it_says_otherwise_and_keeps_its_path() {
        let joined = |text: &str| Host::parse(text).map(|host| host.join(&["vectors", "upsert"]).to_string());
        assert_eq!(joined("x-1.svc.pinecone.io").as_deref(), Ok("https://x-1.svc.pinecone.io/vectors/upsert"));
        assert_eq!(joined("https://x.example/").as_deref(), Ok("https://x.example/vectors/upsert"));
        assert_eq!(
            joined("http://127.0.0.1:8080/indexes/x/").as_deref(),
            Ok("http://127.0.0.1:8080/indexes/x/vectors/upsert")
        );
        for bad in ["", "ftp://x", "https://", "https://x?key=1", "a b"] {
            assert!(Host::parse(bad).is_err(), "{bad}");
        }
        let error = Host::parse("https://ana:pass-word@x.example").unwrap_err();
        assert!(!error.to_string().contains("pass-word"), "{error}");
    }

    #[test]
    fn names_in_a_path_are_escaped() {
        let host = Host::parse("http://127.0.0.1:1/p").unwrap();
        assert_eq!(host.join(&["namespaces", "a/b#c?"]).as_str(), "http://127.0.0.1:1/p/namespaces/a%2Fb%23c%3F");
    }

    #[test]
    fn a_cloud_is_one_of_three() {
        assert_eq!(
            Deployment::parse("gcp", "europe-west4").map(|it| it.to_string()).as_deref(),
            Ok("gcp europe-west4")
        );
        for (cloud, region) in [("AWS", "us-east-1"), ("aws", ""), ("aws", "us east")] {
            assert!(Deployment::parse(cloud, region).is_err());
        }
    }
}
