"""Sentence patterns of our own: ``{slot}`` is a value, all else is said around it."""

from __future__ import annotations

# `{per}` is a full name, `{first}`, `{last}` its parts, `{loc}` a place, `{adr}` an address, `{nrp}` a nationality,
# `{pre}` a courtesy title, `{age}`, `{date}`, `{year}`, `{phone}`, `{zip}`, `{num}` another number of a person.
SAID = """
My manager {per} signed the contract in {loc}.
Please forward this to {per} and {per}.
{first} told me that {last} had already left for {loc}.
I spoke to {first} yesterday about the refund.
This is {per} calling from {org}.
Hi, I'm {first} and I need help with my order.
Hello {first}, thanks for getting in touch with us.
Dear {pre} {last}, your appointment is on {date}.
Dear {per}, we are writing about your claim of {date}.
Thanks, {first}
Regards,\\n{per}
Kind regards\\n{per}\\n{job}\\n{org}
Can you put me through to {pre} {last}, please?
The policy holder is {per}, born {date}.
{per} was born in {loc} in {year}.
{per} ({year}-{year}) was a {nrp} painter.
{per} joined {org} in {year} as a {job}.
{org} appointed {per} as its new {job}.
{org} announced on {date} that {per} will step down.
{org} opened a new plant in {loc} in {year}.
Shares of {org} fell after {org} cut its forecast.
He works for {org} in {loc}.
She left {org} for {org} last spring.
Send the invoice to {org}, {adr}.
Our warehouse has moved to {adr}.
I live at {adr}.
We live in {adr}
The parcel should go to {adr}, not to my old place.
My new home is at {adr} since {date}.
Deliver it to {per}, {adr}.
The flat on {street} is still empty.
There was an accident at the junction of {street} and {street}.
Turn left onto {street} and stop at number {house}.
The shop on {street} sells {nrp} bread.
The office is on {street}, next to the station.
They met at the corner of {street} and {street} in {loc}.
We flew from {loc} to {loc} on {date}.
It rains a lot in {loc}.
I grew up in {loc} but now I study in {loc}.
Is {loc} far from {loc}?
The train to {loc} leaves at nine.
{loc} has a beautiful old town.
Greetings from {loc}!
They have offices in {loc}, {loc} and {loc}.
The {nrp} ambassador visited {loc} on {date}.
My neighbour is {nrp}, his wife is {nrp}.
I love {nrp} food and {nrp} music.
{nrp} companies are investing in {loc}.
Many {nrp} families moved here in {year}.
The {nrp} parliament voted on it in {year}.
I am {age} years old and live in {loc}.
{first} is {age} and works as a {job}.
The patient, a {age}-year-old {job}, was admitted on {date}.
A {age} year old woman from {loc} won the prize.
My son turned {age} last week.
She will be {age} in May.
At the age of {age} he moved to {loc}.
{per}, {age}, was arrested in {loc} on {date}.
I was born on {date}.
My date of birth is {date}.
DOB: {date}
He died on {date} in {loc}.
The meeting is on {date} in {loc}.
See you on {date}!
We have known each other since {year}.
The law of {year} was changed in {year}.
In {year} {per} wrote a book about {loc}.
My phone number is {phone}.
Call me on {phone} after six.
You can reach {first} at {phone}.
Ring {per} on {phone} or at work on {phone}.
Text {phone} if the driver cannot find {adr}.
My fax number is {phone}
WhatsApp me: {phone}
The postal code is {zip}.
Zip: {zip}
Our postcode changed to {zip} last year.
I now live in {zip} {loc}.
My account number is {num}, please check it.
My membership number is {num}
The passport of {per} has the number {num}.
Policy {num} belongs to {per}.
My tax number is {num}.
My driving licence number is {num}
The card ending in 4432 belongs to {first}.
Please change the name on my account to {pre} {per}.
My maiden name is {last}.
Her mother's maiden name was {last}
What is your first name? {first}
Who is the beneficiary? {per}
Name of the emergency contact? {per}, {phone}
The account is in the name of {per}.
It should be registered under {per}.
Is {first} coming to the party?
Have you met {per}?
Did {last} reply to your message?
Ask {first} or {first}.
{first}, {first} and {first} are my cousins.
{first}'s birthday is on {date}.
{per}'s lawyer did not comment.
I read {last}'s latest novel in one night.
The new song by {per} is great.
A film by {per} with {per} and {per}.
Directed by {per}, written by {per}.
The paper of {last} and {last} ({year}) shows this.
According to {last}, the results are wrong.
"I did not say that," said {per}.
"We will win," {last} told reporters in {loc}.
{per} said: "It was a hard day."
{first}: Are you there? {first}: Yes!
Agent: How may I help? Customer: My name is {per}.
{first} asked {first} to bring {first} home.
{per} married {per} in {loc} in {year}.
Professor {last} teaches at {org}.
{pre} {last} will see you now.
{pre} {per} is the head of {org}.
I have an appointment with {pre} {last}.
Good morning {pre} {last},
The {job} was not available.
My sister is a {job} in {loc}.
We are looking for a {job} ({org}, {loc}).
{per}, {job} at {org}
{first} works as {job}.
The {org} website is down again.
I bought it at {org}.
Customer service of {org} never answers.
{org} and {org} have merged.
{org} is a bank based in {loc}.
The {loc} branch of {org} closed in {year}.
{org}'s products are sold in {loc}.
Book a table at {org}, {street} {house}.
I want to open an account for my daughter {first}.
Please remove {per} as a signatory.
Who is {per}?
{first} never pays on time.
I owe {first} some money.
The winner is {per}!
Congratulations to {per} on the award.
Rest in peace, {per}.
Thank you {first} for your kind words.
I miss {first}.
{first} and I are going to {loc}.
You can trust {first}; she is honest.
Poor {first} had to wait for hours.
For {first}, everything changed in {year}.
To {per}: please call {phone}.
Attn: {per}
c/o {per}, {adr}
cc: {per}, {per}
Signed by {per} on {date} in {loc}
Interview with {per} ({org})
Meeting notes {date}: {first}, {first}, {last}
Follow-up: call {last} on {date}
Ticket opened by {per} from {loc}.
User {first} reported the problem on {date}.
The package for {per} was returned from {adr}.
Refund sent to {per}, {zip} {loc}.
Contact: {per}, {phone}
Tenant: {per}; landlord: {org}
We stayed at a hotel in {street}, {loc}.
The concert is at {org} in {loc} on {date}.
The bridge in {loc} was built in {year}.
{loc}, {loc}
I'm travelling from {loc} to {loc} tomorrow
moved from {loc} to {loc} in {year}
my name is {first} and i live in {loc}
hey its {first}, call me back at {phone}
i work at {org} as a {job}
please ship to {adr} thanks
does {first} still live in {loc}?
what is the weather like in {loc} today
is {per} on the list?
WHERE IS {first}???
CALL {per} NOW
The river flows through {loc}.
{loc} beat {loc} two to one.
The mayor of {loc}, {per}, opened the exhibition.
Only {age}% of people in {loc} agree.
The {nrp} singer {per} performed with the {nrp} guitarist {last}.
{last} scored twice for {loc}.
{last} and {last} were the founders of {org}.
{org} was founded in {loc} by {per} and {per}.
The early works of {last} are hard to find.
That sounds like something {last} would say.
A letter from {per} to {per} dated {date}.
It was {first} who called the police.
I think {first} is lying.
Let {first} know when you arrive.
Give my love to {first}!
Without {first} we would have lost.
Nobody likes {per}.
{first} is a good friend of {first}.
Our teacher, {pre} {last}, is ill.
Are you {per}? Yes, I am.
You must be {pre} {last}.
"{first}!" she shouted. "Come here!"
Even {last} could not solve it.
The {last} family owns the house on {street}.
The {last} report was published on {date}.
{last} Street is closed today.
The {per} foundation gave money to {org}.
We spent two weeks in {loc} and one in {loc}.
{loc} is lovely in spring.
Have you ever been to {loc}?
There is a strike in {loc}.
Our supplier in {loc} is late.
The capital is {loc}.
born in {loc}, raised in {loc}
They come from {loc}
I'm from {loc}, are you {nrp}?
As a {nrp} I feel at home in {loc}.
Two {nrp} tourists were found.
{nrp} and {nrp} troops left {loc} in {year}.
The restaurant serves {nrp} and {nrp} dishes.
Do you speak {nrp}?
a {nrp} film starring {per}
the {nrp} company {org}
turning {age} next month
He's {age}, she's {age}.
{age} years old
Aged {age}, {per} retired from {org}.
{first} ({age}) and {first} ({age}) live with their mother.
I'll be {age} on {date}.
age: {age}
The event takes place on {date} at {adr}
from {date} to {date}
until {date}
Valid from {date}.
On {date} the {nrp} army entered {loc}.
During {year}, sales of {org} doubled.
since {date}
"""

FORMS = """
Name: {per}\\nStreet: {adr}\\nPhone: {phone}
Name: {per}\\nDate of birth: {date}\\nPlace of birth: {loc}\\nNationality: {nrp}
{per}\\n{adr}
{per}\\n{street} {house}\\n{zip} {loc}
{per}\\n{house} {street}\\n{loc}\\n{loc} {zip}
{org}\\n{per}\\n{street} {house}\\n{zip} {loc}\\n{loc}
{org}\\n{adr}\\n{phone}
{per}\\n{job}\\n{org}\\n{phone}
{per}\\n{org}\\n{house} {street} {unit}\\n{loc}, {zip}
Shipping address:\\n{per}\\n{house} {street} {unit}\\n{loc}\\n{loc}\\n{zip}
Bill to: {per}\\n   {house} {street}\\n   {unit}\\n   {loc}\\n   {loc} {zip}
{pre} {per}\\n{street} {house}\\n{unit}\\n{zip} {loc}
Tel: {phone}\\nMobile: {phone}\\nFax: {phone}
{phone} (home)\\n{phone} (work)
Patient: {per}\\nAge: {age}\\nAdmitted: {date}
Sender:\\n{org}\\n{street} {house}, {zip} {loc}\\n\\nRecipient:\\n{per}\\n{adr}
To: {per}\\nFrom: {per}\\nDate: {date}\\nSubject: Your visit to {loc}
> {per} wrote on {date}:\\n> I am in {loc}.
- {per}\\n- {per}\\n- {per}
* {per} ({org})\\n* {per} ({org})
| {per} | {loc} | {phone} |
{per};{date};{loc};{zip}
{first},{last},{loc},{phone}
When: {date}\\nWhere: {adr}
Date: {date}\\nPlace: {loc}\\nPresent: {per}, {per}, {last}
CV\\n{per}\\n{loc}, {loc}\\n{phone}\\n\\n{job} at {org}, {year}-{year}
Applicant: {per}\\nOccupation: {job}\\nEmployer: {org}\\nAddress: {adr}
Written by: {per}\\nStarring: {per}, {per}\\nCountry: {loc}
{loc}\\n{loc}
{street} {house}\\n{unit}\\n{loc}
>> {per}\\n>> {house} {street}\\n>> {unit}\\n>> {loc}\\n>> {loc} {zip}
# {per}\\n# {org}\\n# {street} {house}\\n# {loc}\\n# {loc} {zip}
Guest: {per}\\n\\nRoom 12\\n\\nCheck-in: {date}\\n\\nPhone: {phone}
"""

# Nothing of a person is said here, however it is written.
NOTHING = """
How do I reset my password?
Can I pay my bill online, and when is it due?
Please cancel my subscription as soon as possible.
What are your opening hours on Sundays?
I CANNOT LOG IN AND NOBODY HELPS ME!!!
The Blue Widget costs 25 euros and comes in three sizes.
Operating System, Compiler, Database and Network are subjects of the First Year.
Error 404: Page Not Found
Science Fiction, Horror, Thriller, Romantic Comedy, Documentary
Chapter 3: The Long Night
Freedom and Justice are written with capital letters in some old books.
Hope, Faith and Charity are virtues.
The King and the Queen arrived with the Prince of the Sea.
Mother's Day is on the second Sunday.
Labor Day and Easter Monday are holidays.
Nobody expects the Bot to answer like that.
Sir, this is a shop.
Madam, your table is ready.
Good Morning! How Are You Today?
Why is my internet so slow? I've restarted the router 3 times.
The order has 12 items and weighs 4.5 kg.
Version 2.10.3 fixes 14 bugs.
Step 1: open the lid. Step 2: press the red button.
5... 4... 3... 2... 1... Go!
Ready, steady, go!
Select all rows where the amount is greater than 1000.
SELECT name, price FROM products WHERE id = 7
You will be responsible for the planning and care of our gardens, including roses, lilies, and more
We offer a Senior Developer position with Flexible Hours.
A Boring Story of a Robot And a Pirate who must Find a Treasure in The Old Mine
An Amazing Tale of a Dog and a Cat in a Balloon Factory
ACADEMY OF STARS
Large Green Tea, Dark Chocolate, White Bread
Chef's Special Sauce
24 boxes x 20 bags
10 - 500 g pkgs.
Soft drinks, coffees, teas, beers, and ales
Rock, Jazz, Metal, Alternative & Punk
MPEG audio file
The invoice was paid twice.
Is there a fee for withdrawing cash abroad?
My luggage is lost; what do I do now?
I want to talk to a human, not to a machine.
What is the interest rate of a savings account?
Is it possible to raise the limit of my card for a week?
Do I need a visa?
That is all, thank you.
Time flies like an arrow.
The Internet changed everything.
He said that he would come, but he did not.
Some critics say that the album is boring; others love it.
This Song, like all the others on the List, is too long.
Between Monday and Friday the gym is open from 6 to 22.
Every morning at breakfast they read the newspaper by the window.
the quick brown fox jumps over the lazy dog
I've had a headache for 3 days and no appetite.
No history of allergies; blood pressure 120/80.
Total: 12,400.50 (incl. 19% tax)
Status: Active | Priority: High | Type: Incident
Column Total Amount must be a number
Widget A, Widget B, Gadget C
Customer Service, Sales Department, Human Resources
Table, Chair, Lamp, Sofa
True or False?
Order {any} has not arrived yet.
Where is order {any}?
Invoice {any} is still open.
Ticket {any} was closed after {few} hours.
Part {any} fits into housing {any}.
We sold {any} units in {few} shops.
{any} rows were read, {few} were refused.
Item {any}, quantity {few}
Error {any} in line {few}
The build {any} failed after {few} minutes.
value '{word}' is not a number in column {word}
column {word} of {word} must not be null
{word} {word} {word} {word}
{word} {word}: {few}
{word}, {word} and {word}
id {few} {word} ok
Serial number {any}
The red {word} has {few} buttons.
Room {few} seats {few} guests.
Our new {Word} runs version {few}.{few}.
{Word} {Word} Set, {few} pieces
Yes. No. Maybe. Later.
"""


def said() -> list[str]:
    """Patterns of one line and of several, without their empty ones."""
    return [line.replace("\\n", "\n") for line in (SAID + FORMS).splitlines() if line]


def nothing() -> list[str]:
    """Sentences without a value."""
    return [line for line in NOTHING.splitlines() if line]
