//! The fingerprint of a network's weights.

use sha2::{Digest, Sha256};

/// SHA-256 of the parameters and then of the running statistics, little-endian, in hexadecimal.
pub fn weights_digest(parameters: &[f32], running_statistics: &[f32]) -> String {
    let mut hasher = Sha256::new();
    for value in parameters.iter().chain(running_statistics) {
        hasher.update(value.to_le_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
