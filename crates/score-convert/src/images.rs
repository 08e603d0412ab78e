//! `image: .`: the image of the container is known to whoever builds it.

use std::str::FromStr;

use thiserror::Error;

use crate::node::{Map, Node, Tree};
use crate::problem::Problems;

/// An image for containers whose Score file says `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The Workload that it is for; any if there is none.
    workload: Option<String>,
    /// The container that it is for; any if there is none.
    container: Option<String>,
    /// The image.
    image: String,
}

/// A text that is no image for a container.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("must be IMAGE, CONTAINER=IMAGE or WORKLOAD/CONTAINER=IMAGE")]
pub struct InvalidImage;

impl FromStr for Image {
    type Err = InvalidImage;

    fn from_str(text: &str) -> Result<Self, InvalidImage> {
        // No name of an image holds `=`.
        let (of, image) = text.split_once('=').map_or((None, text), |(of, image)| (Some(of), image));
        let (workload, container) = match of.map(|of| of.split_once('/').ok_or(of)) {
            None => (None, None),
            Some(Ok((workload, container))) => (Some(workload), Some(container)),
            Some(Err(container)) => (None, Some(container)),
        };
        let is_there = |name: Option<&str>| name.is_none_or(|name| !name.is_empty());
        if matches!(image, "" | ".") || image.contains('=') || !is_there(workload) || !is_there(container) {
            return Err(InvalidImage);
        }
        let owned = |name: Option<&str>| name.map(str::to_owned);
        Ok(Self { workload: owned(workload), container: owned(container), image: image.to_owned() })
    }
}

impl Image {
    fn is_for(&self, workload: &str, container: &str) -> bool {
        self.workload.as_ref().is_none_or(|name| name == workload)
            && self.container.as_ref().is_none_or(|name| name == container)
    }

    fn precision(&self) -> usize {
        usize::from(self.workload.is_some()) + usize::from(self.container.is_some())
    }
}

/// Puts the image in place of `.`: that of this Workload's container, else of a container of this name, else of any.
pub(crate) fn fill_in(
    workload: &str,
    container: &str,
    fields: &mut Map,
    images: &[Image],
    problems: &mut Problems,
) {
    let Some(node) = fields.get_mut("image").filter(|node| node.as_text() == Some(".")) else { return };
    let of_container = images.iter().filter(|image| image.is_for(workload, container));
    match of_container.max_by_key(|image| image.precision()) {
        Some(image) => *node = Node { place: node.place.clone(), tree: Tree::Text(image.image.clone()) },
        None => problems.add(
            &node.place,
            format_args!("is \".\": say which image it is, for example --image {container}=registry.example.com/app:1.2.3"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(Option<String>, Option<String>, String)> {
        let Image { workload, container, image } = text.parse().ok()?;
        Some((workload, container, image))
    }

    #[test]
    fn an_image_is_for_all_containers_for_one_name_or_for_one_of_a_workload() {
        let image = "registry.example.com:5000/team/app:1@sha256:0";
        assert_eq!(parsed(image), Some((None, None, image.into())));
        assert_eq!(parsed(&format!("web={image}")), Some((None, Some("web".into()), image.into())));
        assert_eq!(
            parsed(&format!("shop/web={image}")),
            Some((Some("shop".into()), Some("web".into()), image.into()))
        );
    }

    #[test]
    fn what_names_no_image_is_refused() {
        for text in ["", ".", "web=", "=app", "/web=app", "shop/=app", "a=b=c"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
