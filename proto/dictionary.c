#include "proto/dictionary.h"

/* The text was written for this purpose: words of the schema and phrases that anybody who documents home visits uses.
 * It holds nothing of a patient, nothing copied, and nothing taken from what the tests, the benchmark or the demo send.
 * zlib reaches what is near most cheaply, so the most useful stands at the end. */

/* --- form 2: in pieces, for C99 asks compilers only for strings of 4,095 bytes --- */
#define LIFE_2 \
	"http://terminology.hl7.org/CodeSystem/ http://hl7.org/fhir/ http://snomed.info/sct http://loinc.org " \
	"http://www.nlm.nih.gov/research/umls/rxnorm urn:oid: urn:uuid: mailto: https:// .org/ .com " \
	"January February March April May June July August September October November December " \
	"Monday Tuesday Wednesday Thursday Friday Saturday Sunday Jan Feb Mar Apr Jun Jul Aug Sep Oct Nov Dec " \
	"Street, Avenue, Road, Lane, Drive, Apartment Apt Unit Floor Building Suite Entrance at the back. " \
	"Ring the bell twice. Key safe beside the door. Dog in the house. Parking on the street. Gate code " \
	"Mr Mrs Ms Dr Nurse Doctor Pharmacist Therapist Social worker Case manager Home health aide Interpreter " \
	"English Spanish French German Portuguese Italian Chinese Arabic Russian Vietnamese Polish Haitian Creole " \
	"spouse husband wife partner mother father son daughter sister brother niece nephew grandson granddaughter " \
	"neighbour friend guardian health care proxy power of attorney emergency contact lives alone lives with " \
	"Medicare Medicaid insurance authorization eligibility benefits application renewal appeal denied approved " \
	"food bank meal delivery transportation housing voucher rent assistance utility bill heating legal aid " \
	"support group day programme respite care senior centre community health centre home-delivered meals " \
	"wheelchair walker cane hospital bed commode shower chair grab bars oxygen concentrator nebulizer glucometer " \
	"blood pressure cuff pill organizer hearing aid glasses dentures compression stockings incontinence supplies "

#define CARE_2 \
	"acetaminophen ibuprofen aspirin amlodipine lisinopril losartan metoprolol hydrochlorothiazide furosemide " \
	"atorvastatin simvastatin metformin insulin glargine glipizide levothyroxine omeprazole pantoprazole albuterol " \
	"gabapentin sertraline citalopram escitalopram trazodone warfarin apixaban clopidogrel prednisone amoxicillin " \
	"penicillin sulfa latex peanuts shellfish eggs milk pollen rash hives swelling anaphylaxis itching nausea " \
	"Oral Tablet Capsule Extended Release Solution Injection Inhaler Patch Cream Drops 5 MG 10 MG 20 MG 25 MG 40 MG " \
	"50 MG 81 MG 100 MG 250 MG 325 MG 500 MG 1000 MG mg/dL mmol/L mm[Hg] mmHg kg/m2 beats/min breaths/min /min Cel " \
	"[degF] cm kg lb % g/dL mL units puffs by mouth once daily twice daily three times daily four times a day every " \
	"morning at bedtime with meals every 4 hours every 6 hours every 8 hours every 12 hours weekly as needed for pain " \
	"left right both bilateral upper lower arm leg knee hip ankle foot shoulder back chest abdomen heel sacrum " \
	"hypertension diabetes type 2 heart failure coronary artery disease atrial fibrillation stroke asthma COPD " \
	"chronic kidney disease dementia depression anxiety arthritis osteoporosis obesity hyperlipidemia anemia chronic " \
	"pain (finding) (disorder) (procedure) (situation) (regime/therapy) (person) (observable entity) " \
	"Body height Body weight Body mass index Heart rate Respiratory rate Body temperature Oxygen saturation Systolic " \
	"blood pressure Diastolic blood pressure Pain severity - 0-10 verbal numeric rating Glucose Hemoglobin A1c " \
	"Total score PHQ-2 PHQ-9 GAD-7 Fall risk total Activities of daily living score " \
	"Encounter for problem Encounter for symptom General examination Follow-up encounter Check up Home visit " \
	"entered-in-error on-hold completed revoked proposed planned accepted active stopped withdrawn amended draft " \
	"rejected cancelled inactive recurrence relapse remission resolved unknown preliminary corrected addendum " \
	"late-entry correction advocacy education referral meeting message call support other declined sent " \
	"no-answer refused hospital reviewed returned question closed open in-progress not-done done cancelled missed " \
	"low normal high urgent female male own cover team care-manager supervisor admin signed final current " \
	"home community in out "

/* Headings and the short sentences of a visit note, the commonest last. */
#define NOTE_2 \
	"Reason for visit: Purpose: Present at the visit: History: Subjective: Objective: Observations: Assessment: " \
	"Interventions: Plan: Next steps: Follow-up: Goals: Barriers: Strengths: Safety: Environment: Nutrition: " \
	"Mobility: Mood: Sleep: Skin: Medications: Vital signs: Education: Referrals: Consent: Summary: " \
	"No changes since the last visit. Patient was not at home. Left a message to call back. Visit was cancelled by the " \
	"family. Visit rescheduled for next week. Patient was admitted to the hospital on Patient was discharged from the " \
	"hospital on Discharge papers reviewed with the patient and the caregiver. " \
	"Consent to share information was reviewed and signed. Rights and responsibilities were explained. " \
	"Advance directive is on file. Emergency plan is posted by the telephone. Smoke detectors are working. " \
	"Loose rugs were removed. Lighting in the hallway is poor. The bathroom has no grab bars. The home is clean and free " \
	"of clutter. There is enough food in the house. Patient feels safe at home. No signs of abuse or neglect. " \
	"Discussed fall risk and how to prevent falls. No falls since the last visit. One fall without injury. Uses a walker " \
	"indoors and a wheelchair outdoors. Gait is unsteady. Gait is steady. Able to transfer without help. Needs help with " \
	"bathing and dressing. Needs help with shopping, cooking and cleaning. Independent in activities of daily living. " \
	"Appetite is good. Appetite is poor. Weight is stable. Drinks enough fluids. Reports difficulty sleeping. Sleeps " \
	"well. Skin is warm, dry and intact. No swelling of the legs. Wound is clean and dry, no signs of infection. " \
	"Dressing changed as ordered. Lungs are clear. No shortness of breath. No chest pain. No dizziness. Denies nausea " \
	"and vomiting. Bowel movements are regular. " \
	"Mood is calm and cooperative. Reports feeling sad and lonely. Denies thoughts of self-harm. Oriented to person, " \
	"place and time. Memory problems were noted by the family. Caregiver reports being tired and needs respite. " \
	"Caregiver was present during the visit. Interpreter was used. " \
	"Medication list was reviewed, no discrepancies. Medications reviewed and reconciled. Takes medications as " \
	"prescribed. Missed doses were reported. Refill was requested from the pharmacy. Side effects were discussed. Patient " \
	"was able to repeat the instructions. Verbalized understanding. Written instructions were left in the home. " \
	"Called the physician's office and left a message. Spoke with the nurse at the physician's office. Physician was " \
	"notified. Follow up with the primary care physician. Appointment scheduled for Transportation to the appointment " \
	"was arranged. Will call the pharmacy about Will call the insurance about Will follow up by telephone in one week. " \
	"Referral was sent to physical therapy. Referral was sent to occupational therapy. Referral was made to " \
	"Assisted with completing the application for Provided information about Patient agrees with the plan of care. Care " \
	"plan was reviewed and updated. Goal is met. Goal is partly met. Goal continues. Progress toward the goal is " \
	"Continue with the current plan of care. Next visit is planned for " \
	"Client is alert and oriented. Patient is alert and oriented x3, in no acute distress. Patient denies pain. Patient " \
	"reports pain of out of 10. Patient reports that Patient states that she Patient states that he The patient was " \
	"seen at home today for The care manager will Care manager met with the patient and Blood pressure Blood " \
	"pressure was 1 pulse temperature respirations oxygen saturation on room air, blood sugar weight "

/* Messages as programs write them, of no record that is: an answer with something of each kind, a request with changes,
 * and what every exchange says last. */
#define FRAMES_2 \
	"\205\000\317\000\000\001\241\356V^\000\001\001\002\304\035\001\002\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\004\222\225\001\001\367\007\002" \
	"\224\002\000\370\011\005\231\226\017\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\367\001\204\001\2468867-4" \
	"\003\24272\004\244/min\006\000\226\014\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\370\001\204\001\274Lisi" \
	"nopril 10 MG Oral Tablet\002\24210\003\242mg\011\246active\226\006\304\020\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\371\001\205\001\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\002\304\020" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\003\245visit\004\322\377\377\025\240" \
	"\006\250Patient \226\005\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\304\020" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\372\001\205\001\304\020\000\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\002\316\0006\356\200\003\316\000m\335\000\005\244home" \
	"\007\247planned\226\010\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\304\020" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\373\001\206\001\245Call \003\304\020" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\004\316\0006\356\200\005\316\005&\134" \
	"\000\007\246normal\010\244open\226\006\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\300\374\000\201\006\250Patient \226\010\304\020\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\300\375\000\204\010\244done\011\300\012\300\013\322\377\377\025\240\226\005\304\020\000" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\300\376\000\215\007\244done\010\300\011\322" \
	"\377\311\021\200\012\300\013\300\014\244home\015\300\016\322\377\366\330@\017\300\020\300\021\300\022" \
	"\300\024\300\226\010\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\300\377\000" \
	"\201\007\244high\206\000\002\001\304\036\001\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\002\226\222\001\304\212\206\000\006\001\304\020" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\002\304\020\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\003\001\004\230\317\000\000\001\241\356V^\000\316\000\011'\300<\001" \
	"\315\001\364\007\316Yh/\000\316\000\211T@\005\205\001\304\020\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\002\304\020\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\003" \
	"\245visit\004\322\377\377\025\240\006\250Patient \222\002\304\201\206\000\010\001\304\020\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\002\304\020\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\003\001\004\230\317\000\000\001\241\356V^\000\316\000\011'\300<\001\315\001\364" \
	"\007\316Yh/\000\316\000\211T@\005\206\001\245Call \003\304\020\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\004\316\0006\356\200\005\316\005&\134\000\007\246normal\010\244open\223\003\304" \
	"\134\204\000\005\004\230\317\000\000\001\241\356V^\000\316\000\011'\300<\001\315\001\364\007\316Yh/\000" \
	"\316\000\211T@\005\214\007\244done\010\300\011\322\377\311\021\200\012\300\013\300\014\244home\015\300" \
	"\016\322\377\366\330@\017\300\020\300\021\300\022\300\006\223\222\007\317\000j\375\206\300\000\000\000" \
	"\011\016\001\223\004\304D\204\000\006\004\230\317\000\000\001\241\356V^\000\316\000\011'\300<\001\315" \
	"\001\364\007\316Yh/\000\316\000\211T@\005\201\006\223\315\002X\315\003 \251 Patient \006\221\222\006\317" \
	"\000j\375\206\300\000\000\000\001\223\005\304B\204\000\010\004\230\317\000\000\001\241\356V^\000\316\000" \
	"\011'\300<\001\315\001\364\007\316Yh/\000\316\000\211T@\005\204\010\244done\011\300\012\300\013\322\377" \
	"\377\025\240\006\221\222\010\317\000j\375\206\300\000\000\000\001\223\006\3048\204\000\010\004\230\317" \
	"\000\000\001\241\356V^\000\316\000\011'\300<\001\315\001\364\007\316Yh/\000\316\000\211T@\005\201\007" \
	"\244high\006\221\222\007\317\000j\375\206\300\000\000\000\001\004\223\317\000\000\001\241\356V^\000\316" \
	"\000\011'\300<\006\204\000\006\001\317\000\000\001\241\356V^\000\002\316\000\001\000\000\004\2450.1.0" \
	"\007\304\010\000\000\000\000\000\000\000\000\205\000\317\000\000\001\241\356V^\000\001\001\002\304\036" \
	"\001\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\004\221\224\001\000\367\012\005\221\226\010\304\020\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\300\377\000\201\007\244high\203\000\317\000\000\001\241\356V^\000\001\001" \
	"\002\304\036\001\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\205\000\002\001\304\036\001\002\000\000\000\000\000\000\000\000\000\000\000" \
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\004\223\317\000\000\001\241\356V^" \
	"\000\315\352`<\006\202\002\316\000\001\000\000\004\2450.1.0\007\304\010\000\000\000\000\000\000\000\000"

static const struct {
	char life[sizeof LIFE_2 - 1], care[sizeof CARE_2 - 1], note[sizeof NOTE_2 - 1]; /* without their NULs */
	char frames[sizeof FRAMES_2 - 1];
} text_2 = { LIFE_2, CARE_2, NOTE_2, FRAMES_2 };

static const struct dictionary dictionaries[] = {
	{ (const char *)&text_2, sizeof text_2, 2 },
};

const struct dictionary *dictionary_newest(void)
{
	return &dictionaries[0];
}

const struct dictionary *dictionary_find(uint8_t form)
{
	for (size_t i = 0; i < sizeof dictionaries / sizeof dictionaries[0]; i++)
		if (dictionaries[i].form == form)
			return &dictionaries[i];
	return NULL;
}
