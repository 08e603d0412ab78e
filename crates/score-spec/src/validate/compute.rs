//! Compute resources (Score, `containers.*.resources`).

use std::{fmt::Display, str::FromStr};

use api_types::{ContainerResources, ResourceQuantities};

use super::{Compute, Errors, Quantities};
use crate::{path::FieldPath, quantity::QuantityError};

/// The longest text that the API takes for a quantity.
const LONGEST: usize = 32;

pub(super) fn valid(
    resources: Option<&ContainerResources>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Compute {
    let Some(resources) = resources else { return Compute::default() };
    let limits = valid_quantities(resources.limits.as_ref(), &path.field("limits"), errors);
    let requests_path = path.field("requests");
    let requests = valid_quantities(resources.requests.as_ref(), &requests_path, errors);
    check_request(requests.cpu, limits.cpu, |cpu| cpu.millicores(), &requests_path.field("cpu"), errors);
    check_request(
        requests.memory,
        limits.memory,
        |memory| memory.bytes(),
        &requests_path.field("memory"),
        errors,
    );
    Compute { requests, limits }
}

fn valid_quantities(
    quantities: Option<&ResourceQuantities>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Quantities {
    let Some(ResourceQuantities { cpu, memory }) = quantities else { return Quantities::default() };
    Quantities {
        cpu: valid_quantity(cpu.as_deref(), &path.field("cpu"), errors),
        memory: valid_quantity(memory.as_deref(), &path.field("memory"), errors),
    }
}

fn valid_quantity<Q>(text: Option<&str>, path: &FieldPath, errors: &mut Errors) -> Option<Q>
where
    Q: FromStr<Err = QuantityError>,
{
    let text = text?;
    let quantity = if text.len() > LONGEST { Err(QuantityError::OutOfRange) } else { text.parse() };
    errors.keep(quantity.map_err(|error| format!("{text:?} {error}")), path)
}

fn check_request<Q: Copy + Display>(
    request: Option<Q>,
    limit: Option<Q>,
    amount: fn(Q) -> u64,
    path: &FieldPath,
    errors: &mut Errors,
) {
    if let (Some(request), Some(limit)) = (request, limit) {
        let message =
            format_args!("requests {request}, more than the limit of {limit}: lower it, or raise the limit");
        errors.require(amount(request) <= amount(limit), path, message);
    }
}
