//! What serves where there is no configuration.

/// The document that serves where there is no configuration: profile `web-service` on runtime class `kubernetes`, and
/// `postgres` by `provisioner-postgres`, whose databases are made for development and go with their claim.
pub const BUILTIN: &str = include_str!("builtin.yaml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_builtin_configuration_is_valid() {
        let config: Config = BUILTIN.parse().unwrap();
        assert_eq!(config.defaults.profile.as_str(), "web-service");
        assert_eq!(config.provisioners[0].name.as_str(), "provisioner-postgres");
    }
}
