//! Credentials become a store: those of a connection's URL, or those of the store's own environment.

use super::location::{Location, Provider};
use crate::parameters::readable;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::timeouts;

/// What a connection's URL says, with `%` escapes undone.
struct Said {
    scheme: String,
    user: String,
    password: String,
    host: String,
    options: Vec<(String, String)>,
}

pub(super) fn store(location: &Location, url: Option<&str>) -> Result<Arc<dyn ObjectStore>> {
    // A second installation is refused by rustls: the first one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let said = url.map(said).transpose()?;
    let fits: &[&str] = match location.provider {
        Provider::S3 => &["aws", "s3"],
        Provider::Google => &["google-cloud-platform", "google_cloud_platform", "gcp", "gs"],
        Provider::Azure => &["wasb", "azure", "az", "adls", "azure_data_lake", "azure-data-lake"],
    };
    if let Some(said) = &said
        && !fits.contains(&said.scheme.as_str())
    {
        return Err(Error::spec(format!("a connection of the type '{}' does not open this store", said.scheme))
            .in_file(location.shown(""))
            .hint(format!("It takes a connection of the type {}", fits[0])));
    }
    match location.provider {
        Provider::S3 => s3(location, said),
        Provider::Google => google(location, said),
        Provider::Azure => azure(location, said),
    }
}

/// A request moves [`super::CHUNK`] bytes at most; slower than this is no use.
const REQUEST: Duration = Duration::from_mins(5);

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 5, retry_timeout: timeouts::idle() }
}

fn client(allow_http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(allow_http)
        .with_connect_timeout(timeouts::connect())
        .with_read_timeout(timeouts::idle())
        .with_timeout(REQUEST)
}

/// Whether the store is reached without TLS, because its address says so.
fn is_plain(endpoint: Option<String>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))
}

fn s3(location: &Location, said: Option<Said>) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = if said.is_some() { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
    if let Some(said) = said {
        if !said.user.is_empty() {
            builder = builder.with_access_key_id(said.user).with_secret_access_key(said.password);
        }
        for (name, value) in said.options {
            let key = match name.as_str() {
                "region_name" | "region" => AmazonS3ConfigKey::Region,
                "endpoint_url" | "host" => AmazonS3ConfigKey::Endpoint,
                "aws_access_key_id" => AmazonS3ConfigKey::AccessKeyId,
                "aws_secret_access_key" => AmazonS3ConfigKey::SecretAccessKey,
                "aws_session_token" | "session_token" => AmazonS3ConfigKey::Token,
                "anonymous" => AmazonS3ConfigKey::SkipSignature,
                "virtual_hosted_style_request" => AmazonS3ConfigKey::VirtualHostedStyleRequest,
                _ => return Err(unknown(&name)),
            };
            builder = builder.with_config(key, value);
        }
    }
    let plain = is_plain(builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
    let built = builder
        .with_bucket_name(&location.bucket)
        .with_client_options(client(plain))
        .with_retry(retry())
        .build()
        .map_err(|error| refused(location, &error))?;
    Ok(Arc::new(built))
}

fn google(location: &Location, said: Option<Said>) -> Result<Arc<dyn ObjectStore>> {
    let mut builder =
        if said.is_some() { GoogleCloudStorageBuilder::new() } else { GoogleCloudStorageBuilder::from_env() };
    for (name, value) in said.into_iter().flat_map(|said| said.options) {
        let name = name.strip_prefix("extra__google_cloud_platform__").unwrap_or(&name);
        let key = match name {
            "keyfile_dict" => GoogleConfigKey::ServiceAccountKey,
            "key_path" => GoogleConfigKey::ServiceAccount,
            "base_url" | "endpoint_url" => GoogleConfigKey::BaseUrl,
            "token" => GoogleConfigKey::BearerToken,
            "anonymous" | "is_anonymous" => GoogleConfigKey::SkipSignature,
            // Of hooks; which bucket is meant says the address.
            "project" | "num_retries" | "scope" => continue,
            _ => return Err(unknown(name)),
        };
        builder = builder.with_config(key, value);
    }
    let plain = is_plain(builder.get_config_value(&GoogleConfigKey::BaseUrl));
    let built = builder
        .with_bucket_name(&location.bucket)
        .with_client_options(client(plain))
        .with_retry(retry())
        .build()
        .map_err(|error| refused(location, &error))?;
    Ok(Arc::new(built))
}

fn azure(location: &Location, said: Option<Said>) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = if said.is_some() { MicrosoftAzureBuilder::new() } else { MicrosoftAzureBuilder::from_env() };
    if let Some(account) = &location.account {
        builder = builder.with_account(account);
    }
    if let Some(said) = said {
        let options: Vec<(String, String)> = said.options;
        let given = |name: &str| options.iter().any(|(key, _)| key == name);
        let service = given("tenant_id");
        // The account: its name, or the address of its blobs.
        let account = said.host.split('.').next().unwrap_or_default().to_owned();
        if !service && !said.user.is_empty() {
            builder = builder.with_account(&said.user);
        } else if !account.is_empty() {
            builder = builder.with_account(account);
        }
        if service {
            builder = builder.with_client_id(said.user).with_client_secret(said.password);
        } else if !said.password.is_empty() {
            builder = builder.with_access_key(said.password);
        }
        for (name, value) in options {
            let key = match name.strip_prefix("extra__wasb__").unwrap_or(&name) {
                "account_name" => AzureConfigKey::AccountName,
                "account_key" | "shared_access_key" => AzureConfigKey::AccessKey,
                "sas_token" => AzureConfigKey::SasKey,
                "tenant_id" => AzureConfigKey::AuthorityId,
                "client_secret" => AzureConfigKey::ClientSecret,
                "endpoint_url" => AzureConfigKey::Endpoint,
                "anonymous" => AzureConfigKey::SkipSignature,
                other => return Err(unknown(other)),
            };
            builder = builder.with_config(key, value);
        }
    }
    let plain = is_plain(builder.get_config_value(&AzureConfigKey::Endpoint));
    let built = builder
        .with_container_name(&location.bucket)
        .with_client_options(client(plain))
        .with_retry(retry())
        .build()
        .map_err(|error| refused(location, &error))?;
    Ok(Arc::new(built))
}

fn said(url: &str) -> Result<Said> {
    let wrong = || Error::spec("the URL of the connection is malformed").hint("See Airflow's URI form of connections");
    // Airflow writes the type with hyphens or underscores; the latter are no scheme.
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let rest = if rest.starts_with(['/', '?']) || rest.is_empty() { format!("x{rest}") } else { rest.to_owned() };
    let rest = rest.replacen("@/", "@x/", 1).replacen("@?", "@x?", 1);
    let parsed = Url::parse(&format!("connection://{rest}")).map_err(|_| wrong())?;
    let host = parsed.host_str().filter(|host| *host != "x").unwrap_or_default();
    Ok(Said {
        scheme: scheme.to_ascii_lowercase(),
        user: readable(parsed.username()),
        password: readable(parsed.password().unwrap_or_default()),
        host: readable(host),
        options: parsed.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
    })
}

fn unknown(name: &str) -> Error {
    Error::unsupported(format!("the connection has the setting '{name}', which windvane cannot honour"))
        .hint("Remove it, or put the credentials into the store's own environment")
}

fn refused(location: &Location, error: &object_store::Error) -> Error {
    let mut error = super::failure(&location.shown(""), "opened", error);
    if error.kind() == windvane_core::error::Kind::Unavailable {
        error = Error::spec("the connection's settings do not open this store")
            .in_file(location.shown(""))
            .hint("Check its account, key, region and endpoint");
    }
    error
}
