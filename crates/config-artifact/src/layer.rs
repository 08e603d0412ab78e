//! Which layer of an artifact is the document.

use oci_client::manifest::{OciDescriptor, OciImageManifest};

use crate::Error;

/// The media type of the layer that is the document.
pub const MEDIA_TYPE: &str = "application/vnd.score.orchestrator-config.v1+yaml";

/// The largest document, in bytes: what a ConfigMap could hold as well.
pub const LIMIT: usize = 1024 * 1024;

/// The media type that will do for the only layer of an artifact.
const YAML: &str = "application/yaml";

/// Finds the document's layer.
///
/// # Errors
/// [`Error::Layers`] unless there is exactly one, [`Error::TooLarge`] if it is larger than [`LIMIT`].
pub(crate) fn document(manifest: &OciImageManifest) -> Result<&OciDescriptor, Error> {
    let typed: Vec<_> = manifest.layers.iter().filter(|layer| layer.media_type == MEDIA_TYPE).collect();
    let layer = match (typed.as_slice(), manifest.layers.as_slice()) {
        ([layer], _) => layer,
        ([], [layer]) if layer.media_type == YAML => layer,
        (_, layers) => {
            return Err(Error::Layers(layers.iter().map(|layer| layer.media_type.clone()).collect()));
        }
    };
    match usize::try_from(layer.size) {
        Ok(size) if size <= LIMIT => Ok(layer),
        _ => Err(Error::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(layers: &[(&str, i64)]) -> OciImageManifest {
        let layer = |&(kind, size): &(&str, i64)| OciDescriptor {
            media_type: kind.into(),
            size,
            ..Default::default()
        };
        OciImageManifest { layers: layers.iter().map(layer).collect(), ..Default::default() }
    }

    #[test]
    fn the_one_layer_of_our_type_is_the_document_among_others() {
        let manifest = manifest(&[("text/markdown", 1), (MEDIA_TYPE, 2), (YAML, 3)]);
        assert_eq!(document(&manifest).unwrap().size, 2);
    }

    #[test]
    fn plain_yaml_is_the_document_if_it_is_the_only_layer() {
        assert_eq!(document(&manifest(&[(YAML, 3)])).unwrap().size, 3);
        assert!(document(&manifest(&[(YAML, 3), ("text/markdown", 1)])).is_err());
    }

    #[test]
    fn several_documents_or_none_are_refused_with_what_there_is() {
        for layers in [&[][..], &[(MEDIA_TYPE, 1), (MEDIA_TYPE, 2)], &[("application/json", 1)]] {
            let error = document(&manifest(layers)).unwrap_err().to_string();
            assert!(layers.iter().all(|(kind, _)| error.contains(kind)), "{error}");
            assert!(error.contains(MEDIA_TYPE), "{error}");
        }
    }

    #[test]
    fn a_size_beyond_the_limit_or_below_zero_is_refused() {
        let limit = i64::try_from(LIMIT).unwrap();
        assert!(document(&manifest(&[(MEDIA_TYPE, limit)])).is_ok());
        for size in [limit + 1, -1] {
            assert!(matches!(document(&manifest(&[(MEDIA_TYPE, size)])), Err(Error::TooLarge)), "{size}");
        }
    }
}
