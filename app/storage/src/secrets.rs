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

#[derive(Clone)]
pub(crate) struct Sealer(Arc<XChaCha20Poly1305>);

impl Sealer {
    pub(crate) fn new(secret: &AppSecret) -> Self {
        let mut key = [0u8; 32];
        // 32 bytes are always within what HKDF can give.
        let _ = Hkdf::<Sha256>::new(None, &secret.0).expand(b"cjhirashi sealing v1", &mut key);
        Self(Arc::new(XChaCha20Poly1305::new(&key.into())))
    }

    /// Encrypts for one purpose; only the same purpose opens it.
    pub(crate) fn seal(&self, purpose: &str, clear: &[u8], random: [u8; 24]) -> Result<Sealed, StorageError> {
        let payload = Payload { msg: clear, aad: purpose.as_bytes() };
        let cipher = self.0.encrypt(&XNonce::from(random), payload).map_err(|_| StorageError::Unsealable)?;
        Ok(Sealed([random.as_slice(), &cipher].concat()))
    }

    pub(crate) fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, StorageError> {
        let (nonce, cipher) = sealed.split_first_chunk::<24>().ok_or(StorageError::Unsealable)?;
        let payload = Payload { msg: cipher, aad: purpose.as_bytes() };
        self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| StorageError::Unsealable)
    }
}

/// SHA-256: tokens and keys are 256 random bits, so a fast hash is enough.
pub(crate) fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
