//! Names written together: `reviewername` is reviewer, name.

use super::names::words;

/// Words that names of columns are made of.
const KNOWN: &str = "a account acct active actor addr address adr age agent alias alt alternate amount and answer app applicant approval at author \
bank bath beneficiary bill billing birth birthday block body born branch brand buyer by card caller cardholder category cell city class client \
code comment company contact count country county course create created credit customer cust cvv data date day delivery department dept desc \
description detail device director district dob doctor doc document dom driver e email emergency emp employee end entity entry event exp \
external ext family fax father field file first flag for forename full gender given group guardian guest hash head hire holder home host id \
identity in info insurance internal ip is item job key label language last lead legal level license licence line link list location log login \
mail mailing maiden main manager map member middle mid mobile mode modified month mother name national nationality nick no node note \
notes num number nr of office on operator opt order org organization organisation other owner page parent passenger passport password patient pay \
payment pers person personal phone photo pin place player pos position postal postcode primary private prod product profile promotion promo \
province public pupil purchase pwd rate receiver recipient record ref reg region registered registration rep review reviewer role \
sales salt screen sec second secondary secret security seller sender seq sex ship shipping show signer size social source spouse ssn staff start \
state status store street student sub subject sur surname tax teacher tel telephone template text tax title to token total type unit update \
updated url user username valid value vat vendor verified via visitor voter web winner work worker year zip zone birthdate firstname lastname";

/// The words of a name as [`words`] gives them, those written together taken apart.
pub(super) fn split(name: &str) -> Vec<String> {
    words(name).into_iter().flat_map(|word| apart(&word).unwrap_or_else(|| vec![word])).collect()
}

/// The fewest known words that a word is written of; none where it is no such word.
fn apart(word: &str) -> Option<Vec<String>> {
    if word.len() > 40 || !word.is_ascii() || is_known(word) {
        return None;
    }
    // By the length of the part: the fewest words, and where the last of them begins.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; word.len() + 1];
    best[0] = Some((0, 0));
    for end in 1..=word.len() {
        best[end] = (0..end)
            .filter(|start| is_known(&word[*start..end]) || end == word.len() && is_number(&word[*start..end]))
            .filter_map(|start| best[start].map(|(count, _)| (count + 1, start)))
            .min();
    }
    let mut parts = Vec::new();
    let mut end = word.len();
    while end > 0 {
        let (_, start) = best[end]?;
        parts.push(word[start..end].to_owned());
        end = start;
    }
    parts.reverse();
    // Short scraps fit anything: `status` is not `stat` and `us`.
    let long = parts.iter().filter(|part| part.len() >= 3).count();
    (parts.len() > 1 && long * 2 >= parts.len()).then_some(parts)
}

fn is_known(part: &str) -> bool {
    part.len() > 1 && KNOWN.split_ascii_whitespace().any(|known| known == part || part.strip_suffix('s') == Some(known))
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}
