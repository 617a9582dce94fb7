//! Doors for `fuzz/`: what becomes of a model's text, role by role, without a model. An error is a refused answer.

use super::decision::{Decision, Proposal};
use super::proposed_change::ProposedChange;
use super::question::{AGENT, QUESTION, Question};
use super::{doctor, mapper, model_proposals, planner, qa, reflector};
use windvane_llm::Answer;
use windvane_llm::gateway::read;

type Heard<T> = Result<T, String>;

/// The rules' suggestions and what the model adds.
pub fn planned(question: Question<'_>, text: &str) -> Heard<(Vec<ProposedChange>, Decision)> {
    let loaded = question.loaded();
    let value = read(text, &|answer: &model_proposals::Answer| model_proposals::check(&loaded, answer))?;
    let answer = Answer { value, model: "fuzz".to_owned(), tokens: 0 };
    let (mut all, _) = planner::rules(question);
    let told = model_proposals::answered(AGENT, QUESTION, &answer);
    model_proposals::merge(&loaded, answer, &mut all);
    Ok((all, told))
}

pub fn mapped(question: mapper::Question<'_>, text: &str) -> Heard<Vec<mapper::Mapping>> {
    let answer = read(text, &|answer: &mapper::Answer| mapper::check(question, answer))?;
    Ok(mapper::accepted(question, &answer))
}

pub fn diagnosed(question: &doctor::Question, text: &str) -> Heard<doctor::Diagnosis> {
    let answer = read(text, &doctor::check)?;
    Ok(doctor::surer(doctor::rules(question), &answer, question.retry_after))
}

pub fn judged(run: &qa::DryRun, text: &str) -> Heard<Proposal<qa::Verdict>> {
    let answer = read(text, &|answer: &qa::Answer| qa::check(run, answer))?;
    let mut verdict = qa::rules(run);
    qa::object(&mut verdict, answer);
    Ok(verdict)
}

pub fn repaired(
    suggestions: &[ProposedChange],
    refused: &[reflector::Refused],
    text: &str,
) -> Heard<Vec<ProposedChange>> {
    let answer = read(text, &|answer: &reflector::Answer| reflector::check(suggestions, answer))?;
    let mut repaired = reflector::rules(suggestions, refused);
    reflector::take_away(&mut repaired, &answer);
    Ok(repaired)
}
