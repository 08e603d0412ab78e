//! Step 1: what the claim asks for. Pure.

use api_types::ResourceClaim;
use provisioner_kit::Answer;
use resource_template::{Declaration, Inputs, InputsError, Rendered};

/// What a claim asks for: the declaration of its type, filled in for it.
#[derive(Debug)]
pub struct Declared {
    /// The declaration.
    pub declaration: Declaration,
    /// What the claim brings to it.
    pub inputs: Inputs,
    /// The objects.
    pub rendered: Rendered,
}

/// What `claim` asks for.
///
/// # Errors
/// The answer to a claim that carries no declaration, or one that does not fit it.
pub fn declare(claim: &ResourceClaim) -> Result<Declared, Box<Answer>> {
    let parameters = claim.spec.parameters.clone().unwrap_or_default().0;
    let wrong = |why: String| Box::new(wrong(claim, &why));
    let declaration = Declaration::read(&parameters).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        wrong(problems.join("; "))
    })?;
    let inputs = declaration.inputs(claim).map_err(|error| match error {
        InputsError::Declaration(why) => wrong(why),
        InputsError::Required(why) if why.is_empty() => Box::new(params(
            claim,
            "are not what the platform requires for this type: ask your platform team",
        )),
        InputsError::Required(why) => Box::new(Answer::failed(why)),
        InputsError::Reference(_) | InputsError::TooLarge => Box::new(params(claim, &format!(": {error}"))),
    })?;
    let rendered = declaration.render(&inputs).map_err(|misfit| wrong(misfit.to_string()))?;
    Ok(Declared { declaration, inputs, rendered })
}

fn params(claim: &ResourceClaim, why: &str) -> Answer {
    let space = if why.starts_with(':') { "" } else { " " };
    Answer::failed(format!("resources.{}.params{space}{why}", claim.spec.key))
}

/// The answer to a claim whose declaration the platform has to correct.
pub fn wrong(claim: &ResourceClaim, why: &str) -> Answer {
    Answer::failed(format!(
        "the platform's declaration of type `{}` and class `{}` does not fit: ask your platform team to correct it ({why})",
        claim.spec.type_, claim.spec.class
    ))
}
