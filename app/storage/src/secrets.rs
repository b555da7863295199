//! Sealing: what must be read again (OAuth tokens, provider keys) is encrypted; what is only compared is hashed.

use std::sync::Arc;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::StorageError;

/// `APP_SECRET`: at least 32 bytes that only this instance knows.
#[derive(Clone)]
pub struct AppSecret(Arc<[u8]>);

impl AppSecret {
    /// Takes the secret as it was configured.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into().into())
    }
}

impl std::fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppSecret(…)")
    }
}

/// An encrypted value: a nonce of 24 bytes, then XChaCha20-Poly1305's ciphertext and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// Seals with the present secret, and opens what it or the one before has sealed.
#[derive(Clone)]
pub(crate) struct Sealer {
    present: Arc<XChaCha20Poly1305>,
    before: Option<Arc<XChaCha20Poly1305>>,
}

fn cipher(secret: &AppSecret) -> Arc<XChaCha20Poly1305> {
    let mut key = [0u8; 32];
    // 32 bytes are always within what HKDF can give.
    let _ = Hkdf::<Sha256>::new(None, &secret.0).expand(b"cjhirashi sealing v1", &mut key);
    Arc::new(XChaCha20Poly1305::new(&key.into()))
}

impl Sealer {
    pub(crate) fn new(secret: &AppSecret, before: Option<&AppSecret>) -> Self {
        Self { present: cipher(secret), before: before.map(cipher) }
    }

    /// Whether another secret is on its way out.
    pub(crate) const fn rotates(&self) -> bool {
        self.before.is_some()
    }

    /// Encrypts for one purpose; only the same purpose opens it.
    pub(crate) fn seal(&self, purpose: &str, clear: &[u8], random: [u8; 24]) -> Result<Sealed, StorageError> {
        let payload = Payload { msg: clear, aad: purpose.as_bytes() };
        let cipher = self.present.encrypt(&XNonce::from(random), payload).map_err(|_| StorageError::Unsealable)?;
        Ok(Sealed([random.as_slice(), &cipher].concat()))
    }

    pub(crate) fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, StorageError> {
        let opened = open_with(&self.present, purpose, sealed);
        match &self.before {
            Some(before) if opened.is_err() => open_with(before, purpose, sealed),
            _ => opened,
        }
    }

    /// The same sealed with the present secret, where only the one before opens it.
    pub(crate) fn reseal(
        &self,
        purpose: &str,
        sealed: &[u8],
        random: [u8; 24],
    ) -> Result<Option<Sealed>, StorageError> {
        if open_with(&self.present, purpose, sealed).is_ok() {
            return Ok(None);
        }
        Ok(Some(self.seal(purpose, &self.open(purpose, sealed)?, random)?))
    }
}

fn open_with(key: &XChaCha20Poly1305, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, StorageError> {
    let (nonce, cipher) = sealed.split_first_chunk::<24>().ok_or(StorageError::Unsealable)?;
    let payload = Payload { msg: cipher, aad: purpose.as_bytes() };
    key.decrypt(&XNonce::from(*nonce), payload).map_err(|_| StorageError::Unsealable)
}

/// SHA-256: tokens and keys are 256 random bits, so a fast hash is enough.
pub(crate) fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
