//! Numbers of Asia and Turkey.

use crate::personal::checks::{compact, digits, is_day, pair, repeated, verhoeff, weighted};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 25] = [
    // UIDAI: twelve digits, Verhoeff; 0 and 1 are not given first.
    Recogniser::new("in_aadhaar", r"[2-9][0-9]{3}[ :-]?[0-9]{4}[ :-]?[0-9]{4}", 0.5).check(is_aadhaar).near(&["aadhaar", "uidai", "uid"]),
    Recogniser::new("in_pan", r"[a-z]{3}[abcfghjlpt][a-z][0-9]{4}[a-z]", 0.8).near(&["pan", "permanent account"]),
    Recogniser::new("in_pan", r"[a-z]{5}[0-9]{4}[a-z]", 0.4).near(&["pan", "permanent account"]),
    Recogniser::new("in_gstin", r"(?:0[1-9]|[12][0-9]|3[0-8]|9[79])[a-z]{5}[0-9]{4}[a-z][0-9a-z]Z[0-9a-z]", 0.9),
    Recogniser::new("in_passport", r"[a-pr-wy][1-9][0-9]{6}", 0.1).near(&["passport"]),
    Recogniser::new("in_voter", r"[a-z]{3}[0-9]{7}", 0.2).near(&["voter", "epic", "election"]),
    Recogniser::new("in_vehicle_registration", r"(?:A[NPRS]|BR|C[GH]|D[DLN]|G[AJ]|H[PR]|J[HK]|K[AL]|L[AD]|M[HLNPZ]|NL|O[DR]|P[BY]|RJ|SK|T[GNRS]|U[AKP]|WB)[ -]?[0-9]{1,2}[ -]?[a-z]{1,3}[ -]?[0-9]{4}", 0.6).near(&["vehicle", "registration", "plate"]),
    // The Bharat series, and missions.
    Recogniser::new("in_vehicle_registration", r"[0-9]{2}[ -]?BH[ -]?[0-9]{4}[ -]?[a-z]{1,2}", 0.6),
    Recogniser::new("in_vehicle_registration", r"[0-9]{1,3}[ -]?(?:CC|CD|UN)[ -]?[0-9]{1,4}", 0.2).near(&["vehicle", "registration", "plate"]),
    // Korea: the seventh digit says century, sex, and whether a foreigner.
    Recogniser::new("kr_rrn", r"[0-9]{6}-?[1-4][0-9]{6}", 0.5).check(is_korean_day).near(&["rrn", "주민등록번호", "resident registration"]),
    Recogniser::new("kr_frn", r"[0-9]{6}-?[5-8][0-9]{6}", 0.5).check(is_korean_day).near(&["frn", "외국인등록번호", "foreigner registration"]),
    Recogniser::new("kr_brn", r"[0-9]{3}-?[0-9]{2}-?[0-9]{5}", 0.4).check(is_korean_company).near(&["brn", "사업자등록번호", "business registration"]),
    Recogniser::new("kr_passport", r"[dgmors][0-9]{3}[a-z][0-9]{4}|[dgmors][0-9]{8}", 0.3).near(&["passport", "여권"]),
    Recogniser::new("kr_driver_license", r"(?:1[1-9]|2[0-68])([ -]?)[0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{2}", 0.4).near(&["license", "licence", "운전면허"]),
    Recogniser::new("ph_mobile_number", r"(?:63|0)[ -]?\(?9[0-9]{2}\)?[ -]?[0-9]{3}[ -]?[0-9]{4}", 0.4).near(&["mobile", "phone", "call", "cell", "numero"]),
    Recogniser::new("ph_tin", r"[0-9]{3}-?[0-9]{3}-?[0-9]{3}(?:-?[0-9]{3,5})?", 0.3).check(is_philippine).near(&["tin", "bir", "taxpayer"]),
    // Singapore: weights 2 7 6 5 4 3 2 and a letter by the series.
    Recogniser::new("sg_nric_fin", r"[stfgm][0-9]{7}[a-z]", 0.8).check(is_nric).near(&["nric", "fin"]),
    Recogniser::new("sg_uen", r"[0-9]{8}[a-z]|(?:19|20)[0-9]{7}[a-z]|[rst][0-9]{2}[a-z]{2}[0-9]{4}[a-z]", 0.3).near(&["uen", "acra"]),
    // Thailand: thirteen digits modulo 11, the second and third say the province.
    Recogniser::new("th_tnin", r"[1-8](?:1[0-9]|2[0-7]|[34][0-9]|5[0-8]|6[0-7]|7[0-7]|8[0-6]|9[0-6])[0-9]{10}", 0.5).check(is_thai).near(&["ประชาชน", "thai", "tnin"]),
    Recogniser::new("tr_national_id", r"[1-9][0-9]{10}", 0.5).check(is_turkish).near(&["kimlik", "tckn", "tc"]),
    Recogniser::new("tr_license_plate", r"(?:0[1-9]|[1-7][0-9]|8[01])[ -]?[a-pr-vyz]{1,3}[ -]?[0-9]{2,5}", 0.3).near(&["plaka", "plate", "araç"]),
    Recogniser::new("tr_phone_number", r"(?:90[ -]?|0[ -]?)?\(?[2-5][0-9]{2}\)?[ -]?[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}", 0.3).near(&["phone", "telefon", "tel", "cep"]),
    Recogniser::new("tr_phone_number", r"(?:90[ -]?|0[ -]?)\([2-5][0-9]{2}\) ?[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}", 0.3),
    Recogniser::new("cn_resident_id", r"[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9x]", 0.9).check(is_chinese),
    Recogniser::new("jp_my_number", r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", 0.3).check(is_my_number).near(&["マイナンバー", "my number", "個人番号"]),
];

fn is_aadhaar(text: &str) -> bool {
    let digits = digits(text);
    verhoeff(&digits) && !repeated(&digits)
}

fn is_korean_day(text: &str) -> bool {
    let digits = digits(text);
    let century = if matches!(digits[6], 1 | 2 | 5 | 6) { 1900 } else { 2000 };
    is_day(Some(century + pair(&digits, 0)), pair(&digits, 2), pair(&digits, 4))
}

fn is_korean_company(text: &str) -> bool {
    let digits = digits(text);
    let sum = weighted(&digits, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + digits[8] * 5 / 10;
    (10 - sum % 10) % 10 == digits[9]
}

fn is_philippine(text: &str) -> bool {
    let digits = digits(text);
    weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digits[8]
}

fn is_nric(text: &str) -> bool {
    let code = compact(text);
    let digits = digits(&code);
    let (more, letters) = match code.chars().next() {
        Some('S') => (0, "JZIHGFEDCBA"),
        Some('T') => (4, "JZIHGFEDCBA"),
        Some('F') => (0, "XWUTRQPNMLK"),
        Some('G') => (4, "XWUTRQPNMLK"),
        _ => (3, "XWUTRQPNJLK"),
    };
    let at = (weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]) + more) % 11;
    letters.chars().nth(at as usize) == code.chars().last()
}

fn is_thai(text: &str) -> bool {
    let digits = digits(text);
    (11 - weighted(&digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == digits[12]
}

/// Law 5490: two digits, the first over odd and even places, the second over all.
fn is_turkish(text: &str) -> bool {
    let digits = digits(text);
    let odd: u32 = digits.iter().take(9).step_by(2).sum();
    let even: u32 = digits.iter().skip(1).take(7).step_by(2).sum();
    (odd * 7 + 10 * 9 - even) % 10 == digits[9] && digits.iter().take(10).sum::<u32>() % 10 == digits[10]
}

/// GB 11643-1999: ISO 7064 MOD 11-2.
fn is_chinese(text: &str) -> bool {
    let code = compact(text);
    let sum = weighted(&digits(&code[..17]), &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    "10X98765432".chars().nth(sum as usize % 11) == code.chars().last()
}

fn is_my_number(text: &str) -> bool {
    let digits = digits(text);
    let left = weighted(&digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    digits[11] == if left < 2 { 0 } else { 11 - left } && !repeated(&digits)
}
