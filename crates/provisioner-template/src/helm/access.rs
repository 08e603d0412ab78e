//! What the platform gives to get a chart with: credentials and authorities, from Secrets of the provisioner's namespace.

use std::{fmt, fs, io, path::Path};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use provisioner_kit::{AllowedSecrets, Given, SecretError, Secrets};
use resource_template::HelmChart;

/// Where Kubernetes has the credentials of registries in a Secret.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// What is needed to get a chart. Not shown for debugging.
#[derive(Clone, Default)]
pub(super) struct Access {
    credentials: Option<ByteString>,
    authority: Option<ByteString>,
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Access(…)")
    }
}

/// The access to `chart`; or what the platform has to do first.
///
/// # Errors
/// If the API server does not answer as it should.
pub(super) async fn access(
    secrets: &Secrets,
    allowed: &AllowedSecrets,
    chart: &HelmChart,
) -> Result<Result<Access, String>, SecretError> {
    let mut access = Access::default();
    if let Some(name) = &chart.credentials {
        match key(secrets, allowed, name, DOCKER_CONFIG).await? {
            Ok(value) => access.credentials = Some(value),
            Err(why) => return Ok(Err(why)),
        }
    }
    if let Some(authority) = &chart.authority {
        match key(secrets, allowed, &authority.secret, &authority.key).await? {
            Ok(value) => access.authority = Some(value),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(access))
}

async fn key(
    secrets: &Secrets,
    allowed: &AllowedSecrets,
    name: &str,
    key: &str,
) -> Result<Result<ByteString, String>, SecretError> {
    let data = |secret: Secret| secret.data.unwrap_or_default().remove(key);
    Ok(match secrets.given(allowed, name).await? {
        Given::Secret(secret) => data(*secret)
            .ok_or_else(|| format!("`{name}` in the namespace `{}` has no `{key}`", allowed.namespace)),
        Given::Missing => Err(format!(
            "`{name}`, which the declaration names, does not exist in the namespace `{}`",
            allowed.namespace
        )),
        Given::Forbidden => Err(format!(
            "the provisioner may not read `{name}`: it has to be named in its chart value `helm.secrets`"
        )),
    })
}

impl Access {
    /// Puts it into `folder`, and gives the arguments by which Helm finds it there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn arguments(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut arguments = Vec::new();
        let files = [
            ("--registry-config", "registry.json", &self.credentials),
            ("--ca-file", "ca.crt", &self.authority),
        ];
        for (option, name, content) in files {
            if let Some(ByteString(bytes)) = content {
                let path = folder.join(name);
                fs::write(&path, bytes)?;
                arguments.push(format!("{option}={}", path.display()));
            }
        }
        Ok(arguments)
    }
}
