//! Which Pinecone index, as the environment says.

use cjhirashi_models::Secret;
use cjhirashi_vectors::pinecone::{
    Deployment, Host, IndexName, IndexSpec, InvalidPineconeSetting, Namespace, PineconeControl, PineconeOptions,
};

use crate::config::{ConfigError, invalid};

/// The ADR's name.
const INDEX: &str = "cjhirashi-knowledge";

/// The settings that begin with `PINECONE_`.
#[derive(Debug, Clone)]
pub struct PineconeConfig {
    /// `PINECONE_API_KEY`; without it there is no Pinecone.
    pub key: Option<Secret>,
    /// `PINECONE_INDEX`.
    pub index: IndexName,
    /// `PINECONE_CONTROL_URL`.
    pub control: Host,
    /// `PINECONE_HOST`.
    pub host: Option<Host>,
    /// `PINECONE_CLOUD` and `PINECONE_REGION`, for an index to be made.
    pub deployment: Deployment,
}

impl PineconeConfig {
    /// Reads and checks them, also without a key: a mistake is told before it counts.
    pub(crate) fn read(get: &dyn Fn(&str) -> Result<Option<String>, ConfigError>) -> Result<Self, ConfigError> {
        fn parsed<T>(variable: &str, result: Result<T, InvalidPineconeSetting>) -> Result<T, ConfigError> {
            result.map_err(|error| invalid(variable, error.to_string()))
        }
        let index = get("PINECONE_INDEX")?;
        let control = get("PINECONE_CONTROL_URL")?;
        let cloud = get("PINECONE_CLOUD")?;
        let region = get("PINECONE_REGION")?;
        if cloud.as_deref().is_some_and(|cloud| cloud != "aws") && region.is_none() {
            return Err(invalid("PINECONE_REGION", "must name a region of the cloud in PINECONE_CLOUD"));
        }
        let (cloud, region) = (cloud.as_deref().unwrap_or("aws"), region.as_deref().unwrap_or("us-east-1"));
        Ok(Self {
            key: get("PINECONE_API_KEY")?.map(Secret::from),
            index: parsed("PINECONE_INDEX", IndexName::parse(index.as_deref().unwrap_or(INDEX)))?,
            control: parsed(
                "PINECONE_CONTROL_URL",
                Host::parse(control.as_deref().unwrap_or(PineconeControl::ADDRESS)),
            )?,
            host: get("PINECONE_HOST")?.map(|host| parsed("PINECONE_HOST", Host::parse(&host))).transpose()?,
            deployment: parsed("PINECONE_CLOUD and PINECONE_REGION", Deployment::parse(cloud, region))?,
        })
    }

    /// The index for the vectors of a model. They lie in a namespace named like it, so that those of two models are never
    /// compared, even where both have as many numbers.
    ///
    /// # Errors
    /// `PINECONE_API_KEY` when it is not set.
    pub fn options(&self, model: &str, dimension: usize) -> Result<PineconeOptions, ConfigError> {
        let Some(key) = self.key.clone() else {
            return Err(invalid(
                "PINECONE_API_KEY",
                "is not set; make a key at https://app.pinecone.io, in the project that the index is to be in",
            ));
        };
        let namespace = Namespace::parse(model).map_err(|error| invalid("EMBEDDINGS", error.to_string()))?;
        Ok(PineconeOptions {
            key,
            index: self.index.clone(),
            namespace,
            control: self.control.clone(),
            host: self.host.clone(),
            model: model.to_owned(),
            dimension,
        })
    }

    /// A namespace of another application's index, of whichever model; without a name, of the same index.
    ///
    /// # Errors
    /// `PINECONE_API_KEY` when it is not set.
    pub fn of_another(&self, index: Option<IndexName>, namespace: Namespace) -> Result<PineconeOptions, ConfigError> {
        let options = self.options("unknown", 0)?;
        let index = index.unwrap_or_else(|| self.index.clone());
        // PINECONE_HOST says where the configured one is.
        let host = options.host.filter(|_| index == self.index);
        Ok(PineconeOptions { index, host, namespace, ..options })
    }

    /// The index to be made for vectors of so many numbers.
    #[must_use]
    pub fn spec(&self, dimension: usize) -> IndexSpec {
        IndexSpec { name: self.index.clone(), dimension, deployment: self.deployment.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<PineconeConfig, ConfigError> {
        PineconeConfig::read(&|name| {
            Ok(pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn the_adrs_index_is_the_default_and_needs_a_key() {
        let config = read(&[]).unwrap();
        assert_eq!(config.index.as_str(), "cjhirashi-knowledge");
        assert_eq!(config.control.to_string(), "https://api.pinecone.io");
        assert_eq!(config.deployment.to_string(), "aws us-east-1");
        assert_eq!(config.options("m@4", 4).unwrap_err().variable, "PINECONE_API_KEY");
        let config = read(&[("PINECONE_API_KEY", "pcsk_secret")]).unwrap();
        let options = config.options("m@4", 4).unwrap();
        assert_eq!((options.namespace.as_str(), options.dimension), ("m@4", 4));
        assert!(!format!("{config:?}{options:?}").contains("pcsk_secret"));
    }

    #[test]
    fn the_configured_host_is_not_another_indexs() {
        let config = read(&[("PINECONE_API_KEY", "k"), ("PINECONE_HOST", "http://127.0.0.1:1")]).unwrap();
        let namespace = || Namespace::parse(Namespace::DEFAULT).unwrap();
        let options = config.of_another(None, namespace()).unwrap();
        assert!(options.host.is_some() && options.namespace == namespace());
        let old = IndexName::parse("old").unwrap();
        let options = config.of_another(Some(old.clone()), namespace()).unwrap();
        assert!(options.host.is_none() && options.index == old);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (name, value) in [
            ("PINECONE_INDEX", "Knowledge"),
            ("PINECONE_CONTROL_URL", "ftp://x"),
            ("PINECONE_HOST", "x?y"),
            ("PINECONE_CLOUD", "ibm"),
            ("PINECONE_REGION", "us east"),
        ] {
            let error = read(&[(name, value), ("PINECONE_REGION", "us-east-1")]).unwrap_err();
            assert!(error.to_string().contains(name), "{name}: {error}");
        }
        assert_eq!(read(&[("PINECONE_CLOUD", "gcp")]).unwrap_err().variable, "PINECONE_REGION");
    }
}
