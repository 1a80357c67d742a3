/* The merge of narrative by words: units, sentences, careful words, edits, anchors; and each block of
 * tests/vectors/clinical.txt as a test of its own. Random triples are in tests/sim/test_text.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "common/text_diff.h"
#include "common/text_words.h"

#define FILE_NAME "tests/vectors/clinical.txt"
#define FILE_MAX ((size_t)1024 * 1024)
#define BLOCKS_MAX 1000
#define BLOCKS_MIN 140
#define UNITS_MAX 512
#define TEXT_MAX 4096

/* --- the pieces ------------------------------------------------------------------------------ */

static struct text text_of(const char *at)
{
	return (struct text){ at, strlen(at) };
}

static struct text_units cut(const char *at)
{
	static struct text_unit room[UNITS_MAX];
	const struct text text = text_of(at);
	struct text_units units;

	assert_true(TEXT_UNITS_MAX(text.len) <= UNITS_MAX);
	text_words_cut(&text, room, &units);
	return units;
}

/* Tokens with a stroke between: what the text is cut into. Two strokes after the end of a sentence. */
static void assert_cut(const char *at, const char *expected)
{
	const struct text_units units = cut(at);
	char got[TEXT_MAX] = "";
	size_t len = 0;

	for (uint32_t i = 1; i < units.count; i++)
		len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", i == 1 ? "" : units.units[i - 1].ends ? "||" : "|",
					(int)units.units[i].len, at + units.units[i].at);
	assert_string_equal(got, expected);
}

static void a_number_with_its_point_stroke_or_colon_is_one_word(void **state)
{
	(void)state;
	assert_cut("5.5 mg, 120/80 at 10:30 on 2026-11-23", "5.5|mg|,|120/80|at|10:30|on|2026-11-23");
	assert_cut("1,000 ml +5 5% 3-4", "1,000|ml|+|5|5|%|3-4");
}

static void a_word_keeps_the_marks_between_its_letters_only(void **state)
{
	(void)state;
	assert_cut("b.i.d. well-known doesn't d’un (x) a_b", "b.i.d|.|well-known|doesn't|d’un|(|x|)|a_b");
	assert_cut("\"Hm...\" -no- end", "\"|Hm|.|.|.|\"|-|no|-|end");
}

static void blanks_belong_to_the_word_before_them(void **state)
{
	const struct text_units units = cut("  a \t b\xC2\xA0\xE3\x80\x80" "c");

	(void)state;
	assert_int_equal(units.count, 4);
	assert_int_equal(text_words_blanks(&units, 0).len, 2);
	assert_int_equal(text_words_blanks(&units, 1).len, 3);
	assert_int_equal(text_words_blanks(&units, 2).len, 5);
	assert_int_equal(text_words_blanks(&units, 3).len, 0);
}

static void combining_marks_stay_with_their_letter(void **state)
{
	(void)state;
	assert_cut("nego\xCC\x81 dolor", "nego\xCC\x81|dolor");
	assert_cut("!\xCC\x81 x", "!\xCC\x81|x");
	assert_cut("\xD8\xB9\xD9\x8E\xD8\xB1\xD8\xA8\xD9\x8A x", "\xD8\xB9\xD9\x8E\xD8\xB1\xD8\xA8\xD9\x8A|x");
}

static void an_emoji_is_one_unit_with_its_joiners_tone_and_flag(void **state)
{
	(void)state;
	assert_cut("ok 👍🏽👨‍👩‍👧❤️🇪🇸🇫🇷", "ok|👍🏽|👨‍👩‍👧|❤️|🇪🇸|🇫🇷");
	assert_cut("1️⃣ x", "1️⃣|x");
	assert_cut("🇪 x 👍\xE2\x80\x8D!", "🇪|x|👍\xE2\x80\x8D|!");
}

static void each_han_and_kana_character_is_a_unit_and_hangul_goes_by_blanks(void **state)
{
	(void)state;
	assert_cut("疼痛。ないか\xE3\x82\x99", "疼|痛|。||な|い|か\xE3\x82\x99");
	assert_cut("환자 상태", "환자|상태");
}

static void every_byte_is_in_a_unit(void **state)
{
	static const char text[] = "\xE2\x80\x8F x\x01\x7F \xE2\x80\x8D\xF0\x9F\x8F\xBD\n\n \xF3\xA0\x81\xA7\xF0\x9F\x87\xAA.";
	const struct text_units units = cut(text);
	size_t len = 0;

	(void)state;
	for (uint32_t i = 0; i < units.count; i++)
		len += units.units[i].len + text_words_blanks(&units, i).len;
	assert_int_equal(len, strlen(text));
}

static void a_sentence_ends_after_its_stop_and_what_closes(void **state)
{
	(void)state;
	assert_cut("Ate well. Slept.", "Ate|well|.||Slept|.");
	assert_cut("\"Go!\" She left (home.) Then? No…", "\"|Go|!|\"||She|left|(|home|.|)||Then|?||No|…");
	assert_cut("Hm... he said", "Hm|.|.|.|he|said");
	assert_cut("Pain 5.5 now.Next", "Pain|5.5|now.Next");
}

static void a_small_letter_goes_on_with_the_sentence(void **state)
{
	(void)state;
	assert_cut("Ate well. and slept", "Ate|well|.|and|slept");
	assert_cut("Ate. \"and ñ", "Ate|.|\"|and|ñ");
	assert_cut("Ate. ñame", "Ate|.|ñame");
	assert_cut("Ate. Ñame", "Ate|.||Ñame");
	assert_cut("Ate. 5 mg", "Ate|.||5|mg");
}

static void small_letters_are_known_beyond_latin(void **state)
{
	static const char *const SMALL[] = { "ź", "ł", "ĺ", "ĸ", "ſ", "ž", "ά", "ω", "я", "ё", "ѵ", "ạ", "ա", "ü", "ÿ" };
	static const char *const CAPITAL[] = { "Ź", "Ł", "Ĺ", "Ž", "Ω", "Я", "Ё", "Ѵ", "Ạ", "Ա", "Ü", "ƀ", "Å", "5", "ع", "¡Á" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof SMALL / sizeof SMALL[0]; i++) {
		(void)snprintf(text, sizeof text, "Ate. %s", SMALL[i]);
		assert_false(cut(text).units[2].ends);
	}
	for (size_t i = 0; i < sizeof CAPITAL / sizeof CAPITAL[0]; i++) {
		(void)snprintf(text, sizeof text, "Ate. %s", CAPITAL[i]);
		assert_true(cut(text).units[2].ends);
	}
}

static void sentences_end_in_other_scripts_too(void **state)
{
	(void)state;
	assert_cut("نام؟ أكل۔ دوا। तीन", "نام|؟||أكل|۔||دوا|।||तीन");
	assert_cut("好！是？「不。」他", "好|！||是|？||「|不|。|」||他");
	assert_cut("Go.。x y!。Z", "Go|.|。||x|y|!|。||Z");
	assert_cut(". Ate. , , , , , , , , x", ".||Ate|.||,|,|,|,|,|,|,|,|x");
	assert_cut("No. Well", "No|.||Well");
	assert_cut("Bed no. x", "Bed|no|.|x");
	assert_cut("No. :", "No|.||:");
	assert_cut("Bed . Off", "Bed|.||Off");
	assert_cut("5.5. Off", "5.5|.||Off");
}

static void an_abbreviation_ends_no_sentence(void **state)
{
	(void)state;
	assert_cut("Dr. Smith vs. Mrs. Jones", "Dr|.|Smith|vs|.|Mrs|.|Jones");
	assert_cut("5 mg b.i.d. Daily p. Off", "5|mg|b.i.d|.|Daily|p|.|Off");
	assert_cut("Bed No. 5 Fever? No. Well", "Bed|No|.|5|Fever|?||No|.||Well");
	assert_cut("Pain 5. Well", "Pain|5|.||Well");
}

static void each_line_is_a_sentence(void **state)
{
	(void)state;
	assert_cut("- milk\n- eggs\n\nEnd", "-|milk||\n||-|eggs||\n||\n||End");
}

static bool careful(const char *word)
{
	const struct text_units units = cut(word);

	assert_true(units.count >= 2);
	return text_words_careful(&units, 1);
}

static void careful_words_are_known_in_every_spelling(void **state)
{
	static const char *const WORDS[] = { "5", "5.5mg", "٥", "½", "１", "²", "1️⃣", "MG", "µg", "μg", "mcg/kg", "%", "Left", "left-sided",
					     "b.i.d", "q4h", "TWICE", "NO", "doesn't", "Can’t", "non-verbal", "denies", "niega", "NEGÓ",
					     "nego\xCC\x81", "Izquierda", "miércoles", "mañana", "Monday", "may", "TODAY", "左", "不", "三",
					     "nicht", "gauche", "Левый", "لا" };

	(void)state;
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (!careful(WORDS[i]))
			fail_msg("%s is a careful word", WORDS[i]);
}

static void ordinary_words_are_not_careful(void **state)
{
	static const char *const WORDS[] = { "pain", "walks", "Maria", "know", "notes", "nobly", "lefty", "!", "-", "痛", "👍", "sat", "dolor", "am", "très", "der" };

	(void)state;
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (careful(WORDS[i]))
			fail_msg("%s is no careful word", WORDS[i]);
}

static void every_row_of_the_careful_words_is_found_and_in_order(void **state)
{
	const char *row;

	(void)state;
	for (size_t i = 0; (row = text_words_careful_row(i)) != NULL; i++) {
		if (!careful(row))
			fail_msg("%s is not found", row);
		assert_true(i == 0 || strcmp(text_words_careful_row(i - 1), row) < 0);
	}
}

/* --- edits ----------------------------------------------------------------------------------- */

/* The edits between two texts, units in rooms. */
static uint32_t edits_of(const char *base, const char *form, struct text_unit (*rooms)[UNITS_MAX], struct text_edit *edits)
{
	static _Alignas(16) char scratch[64 * UNITS_MAX];
	static uint32_t slots[4096];
	const struct text texts[2] = { text_of(base), text_of(form) };
	struct text_units units[2];
	uint64_t steps = 1000000;

	for (size_t i = 0; i < 2; i++)
		text_words_cut(&texts[i], rooms[i], &units[i]);
	text_words_number(units, 2, slots, 4096, &steps);
	return text_diff(&units[0], &units[1], units[0].count + units[1].count, (struct text_memory){ scratch, sizeof scratch }, &steps, edits);
}

/* The edits as "-gone+come" with strokes between, tokens with a blank between. */
static void assert_edits(const char *base, const char *form, const char *expected)
{
	static struct text_unit rooms[2][UNITS_MAX];
	static struct text_edit edits[UNITS_MAX];
	const uint32_t count = edits_of(base, form, rooms, edits);
	char got[TEXT_MAX] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < count; i++) {
		len += (size_t)snprintf(got + len, sizeof got - len, "%s-", i > 0 ? "|" : "");
		for (uint32_t k = edits[i].base_from; k < edits[i].base_to; k++)
			len += (size_t)snprintf(got + len, sizeof got - len, "%.*s ", (int)rooms[0][k].len, base + rooms[0][k].at);
		len += (size_t)snprintf(got + len, sizeof got - len, "+");
		for (uint32_t k = edits[i].form_from; k < edits[i].form_to; k++)
			len += (size_t)snprintf(got + len, sizeof got - len, "%.*s ", (int)rooms[1][k].len, form + rooms[1][k].at);
	}
	assert_string_equal(got, expected);
}

static void edits_are_the_words_that_changed(void **state)
{
	(void)state;
	assert_edits("Walks with a cane.", "Walks with a walker.", "-cane +walker ");
	assert_edits("Walks a cane", "Walks with a cane", "-+with ");
	assert_edits("a b c d e f", "a x c d y f", "-b +x |-e +y ");
	assert_edits("a  b", "a b", "");
	assert_edits("", "a b", "-+a b ");
	assert_edits("a b", "", "-a b +");
}

/* The fewest letters to delete and insert, by the plain table. */
static uint32_t distance(const char *base, const char *form)
{
	const size_t base_len = strlen(base), form_len = strlen(form);
	uint32_t table[32][32];

	for (size_t i = 0; i <= base_len; i++)
		for (size_t k = 0; k <= form_len; k++) {
			if (i == 0 || k == 0)
				table[i][k] = (uint32_t)(i + k);
			else if (base[i - 1] == form[k - 1])
				table[i][k] = table[i - 1][k - 1];
			else
				table[i][k] = 1 + (table[i - 1][k] < table[i][k - 1] ? table[i - 1][k] : table[i][k - 1]);
		}
	return table[base_len][form_len];
}

static void no_other_edits_would_be_fewer(void **state)
{
	static struct text_unit rooms[2][UNITS_MAX];
	static struct text_edit edits[UNITS_MAX];
	uint32_t draw = 12345;
	size_t compared = 0;

	(void)state;
	for (size_t n = 0; n < 20000; n++) {
		char letters[2][16] = { "", "" }, texts[2][64] = { "", "" };
		uint32_t changed = 0, count;
		bool joined = false;

		for (size_t i = 0; i < 2; i++) {
			const size_t len = (draw = draw * 1664525 + 1013904223) >> 29;

			for (size_t k = 0; k < len; k++) {
				draw = draw * 1664525 + 1013904223;
				letters[i][k] = (char)('a' + (draw >> 24) % 3);
				texts[i][2 * k] = letters[i][k];
				texts[i][2 * k + 1] = ' ';
			}
		}
		count = edits_of(texts[0], texts[1], rooms, edits);
		for (uint32_t i = 0; i < count; i++) {
			const uint32_t gone = edits[i].base_to - edits[i].base_from, come = edits[i].form_to - edits[i].form_from;

			changed += gone + come;
			/* Two edits that became one have at least two words each, and one between that counts twice. */
			joined = joined || gone + come >= 6;
		}
		compared += !joined;
		assert_true(joined || changed == distance(letters[0], letters[1]));
	}
	assert_true(compared > 10000);
}

static void stray_words_between_larger_edits_are_edited_too(void **state)
{
	(void)state;
	assert_edits("a b c the d e f", "u v w the x y z", "-a b c the d e f +u v w the x y z ");
	assert_edits("a the d", "u the x", "-a +u |-d +x ");
	assert_edits("a b c\nd e f", "u v w\nx y z", "-a b c +u v w |-d e f +x y z ");
}

static void an_insertion_slides_to_where_it_is_a_sentence(void **state)
{
	(void)state;
	assert_edits("He ate. He slept.", "He ate. He walked. He slept.", "-+He walked . ");
	assert_edits("He ate. He walked. He slept.", "He ate. He slept.", "-He walked . +");
	assert_edits("A.\n\nB.", "A.\n\nN.\n\nB.", "-+N . \n \n ");
	assert_edits("Ate well.", "Ate well. Slept well.", "-+Slept well . ");
}

/* --- merging --------------------------------------------------------------------------------- */

/* A merge, and the memory it lies in. */
struct merged {
	void *memory;
	struct text_merge out;
};

static struct merged merge(const char *base, const char *current, const char *proposed)
{
	const struct text texts[3] = { text_of(base != NULL ? base : ""), text_of(current), text_of(proposed) };
	const size_t room = text_merge_room(texts[0].len, texts[1].len, texts[2].len);
	struct merged merged = { .memory = malloc(room) };

	assert_non_null(merged.memory);
	memset(merged.memory, 0xA5, room);
	text_merge(base != NULL ? &texts[0] : NULL, &texts[1], &texts[2], merged.memory, room, &merged.out);
	return merged;
}

static void assert_text(const char *at, size_t len, const char *expected)
{
	char *got = calloc(1, len + 1);

	assert_non_null(got);
	memcpy(got, at, len);
	assert_string_equal(got, expected);
	free(got);
}

/* merged with each spot replaced by the piece of other is other. */
static void assert_anchored(const struct text_merge *m)
{
	size_t at = 0, other_at = 0;

	for (size_t i = 0; i < m->spot_count; i++) {
		const struct text_spot *spot = &m->spots[i];

		assert_true(spot->at >= at && spot->other_at >= other_at && spot->len + spot->other_len > 0);
		assert_int_equal(spot->at - at, spot->other_at - other_at);
		assert_memory_equal(m->merged + at, m->other + other_at, spot->at - at);
		at = spot->at + spot->len;
		other_at = spot->other_at + spot->other_len;
		assert_true(at <= m->merged_len && other_at <= m->other_len);
	}
	assert_int_equal(m->merged_len - at, m->other_len - other_at);
	assert_memory_equal(m->merged + at, m->other + other_at, m->merged_len - at);
}

/* other NULL: no conflict. */
static void assert_merge(const char *base, const char *current, const char *proposed, const char *stands, const char *other)
{
	struct merged m = merge(base, current, proposed);

	assert_text(m.out.merged, m.out.merged_len, stands);
	assert_text(m.out.other, m.out.other_len, other != NULL ? other : stands);
	assert_int_equal(m.out.spot_count > 0, other != NULL);
	assert_anchored(&m.out);
	free(m.memory);
}

static void a_spot_is_the_sentence_and_nothing_around_it(void **state)
{
	struct merged m = merge("Ate. Takes 5 mg. Slept.", "Ate. Takes 6 mg. Slept.", "Ate. Takes 75 mg. Slept well.");

	(void)state;
	assert_int_equal(m.out.spot_count, 1);
	assert_text(m.out.merged + m.out.spots[0].at, m.out.spots[0].len, "Takes 6 mg.");
	assert_text(m.out.other + m.out.spots[0].other_at, m.out.spots[0].other_len, "Takes 75 mg.");
	assert_text(m.out.merged, m.out.merged_len, "Ate. Takes 6 mg. Slept well.");
	free(m.memory);
}

static void conflicts_in_neighbouring_sentences_are_two_spots(void **state)
{
	struct merged m = merge("Takes 5 mg. Lifts 5 kg.", "Takes 6 mg. Lifts 6 kg.", "Takes 7 mg.  Lifts 7 kg.");

	(void)state;
	assert_int_equal(m.out.spot_count, 2);
	assert_anchored(&m.out);
	assert_text(m.out.other, m.out.other_len, "Takes 7 mg.  Lifts 7 kg.");
	assert_text(m.out.merged + m.out.spots[0].at, m.out.spots[0].len, "Takes 6 mg.");
	assert_int_equal(m.out.spots[1].base_at, strlen("Takes 5 mg. "));
	assert_int_equal(m.out.spots[1].base_len, strlen("Lifts 5 kg."));
	free(m.memory);
}

static void a_sentence_that_one_side_deleted_is_a_spot_with_its_blank(void **state)
{
	(void)state;
	assert_merge("Ate. Slept. Sang.", "Ate. Sang.", "Ate. Slept well. Sang.", "Ate. Sang.", "Ate. Slept well. Sang.");
	assert_merge("Ate. Slept. Sang.", "Ate. Slept well. Sang.", "Ate. Sang.", "Ate. Slept well. Sang.", "Ate. Sang.");
	assert_merge("Ate. Slept.", "Ate. Slept well.", "Ate.", "Ate. Slept well.", "Ate.");
	assert_merge("Ate. Slept.", "", "Ate well. Slept.", "", "Ate well. Slept.");
	assert_merge("Takes 5 mg. Slept.", "Takes 6 mg. Sang.", "Takes 7 mg.", "Takes 6 mg. Sang.", "Takes 7 mg.");
}

static void without_a_base_the_whole_text_is_in_conflict(void **state)
{
	(void)state;
	assert_merge(NULL, "Ate.", "Slept.", "Ate.", "Slept.");
	assert_merge(NULL, "", "Slept.", "", "Slept.");
	assert_merge(NULL, "Ate.", "Sat.", "Ate.", "Sat.");
	assert_merge(NULL, "Ate.", "Ate.", "Ate.", NULL);
	assert_merge(NULL, "", "", "", NULL);
}

static void texts_that_never_met_are_never_glued_together(void **state)
{
	(void)state;
	assert_merge("Ate.", "Ate. Dose 5.", "Ate. 5 mg.", "Ate. Dose 5. 5 mg.", NULL);
	assert_merge("", "Dose 5", "5 mg", "Dose 5\n5 mg", NULL);
	assert_merge("Ate. Fell. Slept.", "Ate. Slept.", "Ate. Fell. Sang.\nSlept.", "Ate. Sang.\nSlept.", NULL);
	assert_merge("Ate. Fell.", "Ate.", "Ate. Fell. Slept.", "Ate. Slept.", NULL);
	assert_merge("foo . Bar", "foo x . Bar", "foo. Bar", "foo x . Bar", NULL);
	assert_merge("5 . 5 b", "5. 5 b", "5 .5 b", "5. 5 b", NULL);
	assert_merge("Ate", "Ate\nSlept", "Ate\n\n5 mg", "Ate\nSlept\n\n5 mg", NULL);
}

static void new_lines_of_both_stand_each_on_its_own(void **state)
{
	(void)state;
	assert_merge("- a\n", "- a\n- b\n", "- a\n- c\n", "- a\n- b\n- c\n", NULL);
	assert_merge("- a", "- a\n- b", "- a\n- c", "- a\n- b\n- c", NULL);
	assert_merge("- a\n", "- a\n- b", "- a\n- c\n", "- a\n- b\n- c\n", NULL);
	assert_merge("Ate.\n\nSlept.", "Ate.\n\nSang.\n\nSlept.", "Ate.\n\nRead.\n\nSlept.", "Ate.\n\nSang.\n\nRead.\n\nSlept.", NULL);
}

static void edits_of_both_in_a_sentence_stand_with_a_word_between_but_not_with_a_mark(void **state)
{
	(void)state;
	assert_merge("Calm and happy here.", "Quiet and happy here.", "Calm and glad here.", "Quiet and glad here.", NULL);
	assert_merge("Calm, happy here.", "Quiet, happy here.", "Calm, glad here.", "Quiet, happy here.", "Calm, glad here.");
	assert_merge("Calm happy here.", "Quiet happy here.", "Calm glad here.", "Quiet happy here.", "Calm glad here.");
	assert_merge("疼痛好。", "疼痛很好。", "手痛好。", "手痛很好。", NULL);
}

static void one_and_the_same_edit_of_both_counts_once_beside_others(void **state)
{
	(void)state;
	assert_merge("Calm and hapy in the garden.", "Calm and happy in the garden.", "Quiet and happy in the garden.", "Quiet and happy in the garden.", NULL);
	assert_merge("Calm and hapy in the garden.", "Calm and happy in the yard.", "Quiet and happy in the garden.", "Quiet and happy in the yard.", NULL);
}

static void what_both_insert_is_not_doubled_where_one_goes_on(void **state)
{
	(void)state;
	assert_merge("- Sleeps.", "Fell down. - Sleeps.", "Fell down. - soundly Sleeps.", "Fell down. - soundly Sleeps.", NULL);
	assert_merge("- Sleeps.", "Fell once. - Sleeps.", "Fell once. - soundly Sleeps.", "Fell once. - Sleeps.", "Fell once. - soundly Sleeps.");
	assert_merge("Ate well", "Ate well and slept", "Ate well\nRested.", "Ate well and slept\nRested.", NULL);
}

static void new_sentences_that_both_begin_or_end_with_are_taken_once(void **state)
{
	(void)state;
	assert_merge("Ate.", "Ate. Same. Sang.", "Ate. Same. Read.", "Ate. Same. Sang. Read.", NULL);
	assert_merge("Ate.", "Ate. Sang. Same.", "Ate. Read. Same.", "Ate. Sang. Read. Same.", NULL);
	assert_merge("Ate.", "Ate. Same.", "Ate. Same. Read.", "Ate. Same. Read.", NULL);
	assert_merge("Ate.", "Ate. Same one.", "Ate. Same two.", "Ate. Same one. Same two.", NULL);
}

static void blanks_changed_on_one_side_stand_beside_the_other_s_words(void **state)
{
	(void)state;
	assert_merge("Ate  rice. Slept", "Ate  bread. Slept", "Ate rice. Slept", "Ate bread. Slept", NULL);
	assert_merge("Ate  rice.", "Ate rice.", "Ate   rice.", "Ate rice.", NULL);
	assert_merge(" Ate", "Ate", " Ate  ", "Ate  ", NULL);
}

/* Texts of the limit, as unlike each other as they can be: the count of steps and the memory stay in their bounds. */
static void fill(char *text, const char *pattern, size_t pattern_len, unsigned seed)
{
	for (size_t i = 0; i < TEXT_MERGE_MAX; i++) {
		text[i] = pattern[(i * (seed % 7 + 1) + i / 97 * seed) % pattern_len];
		if (seed > 7)
			text[i] = pattern[((i * 2654435761u + seed) >> 7) * (i + seed) % pattern_len];
	}
}

static void assert_bounded(const char *pattern, const unsigned seeds[3])
{
	const size_t room = text_merge_room(TEXT_MERGE_MAX, TEXT_MERGE_MAX, TEXT_MERGE_MAX);
	char *texts[3], *memory = malloc(room + 16);
	struct text_merge out;

	assert_non_null(memory);
	memset(memory + room, 0x5A, 16);
	for (size_t i = 0; i < 3; i++) {
		texts[i] = malloc(TEXT_MERGE_MAX);
		assert_non_null(texts[i]);
		fill(texts[i], pattern, strlen(pattern), seeds[i]);
	}
	text_merge(&(struct text){ texts[0], TEXT_MERGE_MAX }, &(struct text){ texts[1], TEXT_MERGE_MAX },
		   &(struct text){ texts[2], TEXT_MERGE_MAX }, memory, room, &out);
	assert_true(out.steps <= TEXT_MERGE_STEPS_MAX);
	assert_anchored(&out);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(memory[room + i], 0x5A);
	for (size_t i = 0; i < 3; i++)
		free(texts[i]);
	free(memory);
}

static void the_worst_texts_at_the_limit_stay_within_the_bounds_of_work_and_memory(void **state)
{
	static const char *const PATTERNS[] = { "a ", ".", "a.", "ab ", "a b c d e f g h i j ", "-\n", "a. B. ", "(.)", "\n", "ab", "1 2 3 left ",
						"abcdefghijklmnopqrstuvwxyz .!?\n" };
	static const unsigned SEEDS[][3] = { { 1, 2, 3 }, { 8, 9, 10 }, { 1, 8, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof PATTERNS / sizeof PATTERNS[0]; i++)
		for (size_t k = 0; k < sizeof SEEDS / sizeof SEEDS[0]; k++)
			assert_bounded(PATTERNS[i], SEEDS[k]);
}

/* Two hundred and fifty thousand words that are all different in all three. */
static void words_that_are_all_different_are_one_edit_without_work(void **state)
{
	const size_t room = text_merge_room(TEXT_MERGE_MAX, TEXT_MERGE_MAX, TEXT_MERGE_MAX);
	char *texts[3];
	size_t lens[3] = { 0 };
	void *memory = malloc(room);
	struct text_merge out;

	(void)state;
	assert_non_null(memory);
	for (size_t i = 0; i < 3; i++) {
		texts[i] = malloc(TEXT_MERGE_MAX + 1);
		assert_non_null(texts[i]);
		for (unsigned n = 0; lens[i] < TEXT_MERGE_MAX - 16; n++)
			lens[i] += (size_t)snprintf(texts[i] + lens[i], 16, "%c%x ", "bcp"[i], n);
	}
	text_merge(&(struct text){ texts[0], lens[0] }, &(struct text){ texts[1], lens[1] }, &(struct text){ texts[2], lens[2] }, memory, room, &out);
	assert_true(out.steps < 1000000);
	assert_int_equal(out.spot_count, 1);
	assert_int_equal(out.merged_len, lens[1]);
	assert_int_equal(out.other_len, lens[2]);
	for (size_t i = 0; i < 3; i++)
		free(texts[i]);
	free(memory);
}

/* --- the clinical table ---------------------------------------------------------------------- */

struct block {
	char *name, *base, *centre, *tablet, *stands, *other;
};

/* Undo the escapes of the table in place. */
static char *unescape(char *value)
{
	char *to = value;

	for (const char *at = value; *at != '\0'; at++) {
		char c = *at;

		if (c == '\\') {
			c = *++at;
			c = (char)(c == 'n' ? '\n' : c == 's' ? ' ' : c);
		}
		*to++ = c;
	}
	*to = '\0';
	return value;
}

/* The place for the value of a line that begins with a label; *value_out is what follows it. */
static char **labelled(struct block *block, char *line, char **value_out)
{
	static const char *const LABELS[] = { "=", "base:", "centre:", "tablet:", "stands:", "other:" };
	char **const places[] = { &block->name, &block->base, &block->centre, &block->tablet, &block->stands, &block->other };

	for (size_t i = 0; i < sizeof LABELS / sizeof LABELS[0]; i++) {
		const size_t len = strlen(LABELS[i]);

		if (strncmp(line, LABELS[i], len) == 0) {
			*value_out = line + len + strspn(line + len, " ");
			return places[i];
		}
	}
	return NULL;
}

static size_t read_blocks(char *file, struct block *blocks)
{
	size_t count = 0;
	char *rest = NULL, *value = NULL;

	for (char *line = strtok_r(file, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] == '#')
			continue;
		if (line[0] == '=')
			count++;
		if (count == 0 || count > BLOCKS_MAX)
			abort();
		char **place = labelled(&blocks[count - 1], line, &value);

		if (place == NULL || *place != NULL) {
			printf("# a line that is none of the table: %s\n", line);
			abort();
		}
		*place = unescape(value);
	}
	return count;
}

static void a_block_of_the_table(void **state)
{
	const struct block *block = *state;

	assert_non_null(block->base);
	assert_non_null(block->centre);
	assert_non_null(block->tablet);
	assert_non_null(block->stands);
	assert_merge(block->base, block->centre, block->tablet, block->stands, block->other);
}

static void the_table_has_enough_blocks_and_no_name_twice(void **state)
{
	const struct block *blocks = *state;
	size_t count = 0;

	for (; blocks[count].name != NULL; count++)
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(blocks[i].name, blocks[count].name);
	assert_true(count >= BLOCKS_MIN);
}

static int run_table(void)
{
	char *text = calloc(1, FILE_MAX);
	struct block *blocks = calloc(BLOCKS_MAX + 1, sizeof *blocks);
	struct CMUnitTest *tests = calloc(BLOCKS_MAX + 1, sizeof *tests);
	FILE *file = fopen(FILE_NAME, "rb");
	size_t count;
	int failed;

	if (text == NULL || blocks == NULL || tests == NULL || file == NULL || fread(text, 1, FILE_MAX - 1, file) == 0) {
		perror(FILE_NAME);
		abort();
	}
	(void)fclose(file);
	count = read_blocks(text, blocks);
	tests[0] = (struct CMUnitTest)cmocka_unit_test_prestate(the_table_has_enough_blocks_and_no_name_twice, blocks);
	for (size_t i = 0; i < count; i++)
		tests[i + 1] = (struct CMUnitTest){ blocks[i].name, a_block_of_the_table, NULL, NULL, &blocks[i] };
	failed = _cmocka_run_group_tests("clinical table", tests, count + 1, NULL, NULL);
	free(tests);
	free(blocks);
	free(text);
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_with_its_point_stroke_or_colon_is_one_word),
		cmocka_unit_test(a_word_keeps_the_marks_between_its_letters_only),
		cmocka_unit_test(blanks_belong_to_the_word_before_them),
		cmocka_unit_test(combining_marks_stay_with_their_letter),
		cmocka_unit_test(an_emoji_is_one_unit_with_its_joiners_tone_and_flag),
		cmocka_unit_test(each_han_and_kana_character_is_a_unit_and_hangul_goes_by_blanks),
		cmocka_unit_test(every_byte_is_in_a_unit),
		cmocka_unit_test(a_sentence_ends_after_its_stop_and_what_closes),
		cmocka_unit_test(a_small_letter_goes_on_with_the_sentence),
		cmocka_unit_test(small_letters_are_known_beyond_latin),
		cmocka_unit_test(sentences_end_in_other_scripts_too),
		cmocka_unit_test(an_abbreviation_ends_no_sentence),
		cmocka_unit_test(each_line_is_a_sentence),
		cmocka_unit_test(careful_words_are_known_in_every_spelling),
		cmocka_unit_test(ordinary_words_are_not_careful),
		cmocka_unit_test(every_row_of_the_careful_words_is_found_and_in_order),
		cmocka_unit_test(edits_are_the_words_that_changed),
		cmocka_unit_test(no_other_edits_would_be_fewer),
		cmocka_unit_test(stray_words_between_larger_edits_are_edited_too),
		cmocka_unit_test(an_insertion_slides_to_where_it_is_a_sentence),
		cmocka_unit_test(a_spot_is_the_sentence_and_nothing_around_it),
		cmocka_unit_test(conflicts_in_neighbouring_sentences_are_two_spots),
		cmocka_unit_test(a_sentence_that_one_side_deleted_is_a_spot_with_its_blank),
		cmocka_unit_test(without_a_base_the_whole_text_is_in_conflict),
		cmocka_unit_test(texts_that_never_met_are_never_glued_together),
		cmocka_unit_test(new_lines_of_both_stand_each_on_its_own),
		cmocka_unit_test(edits_of_both_in_a_sentence_stand_with_a_word_between_but_not_with_a_mark),
		cmocka_unit_test(one_and_the_same_edit_of_both_counts_once_beside_others),
		cmocka_unit_test(what_both_insert_is_not_doubled_where_one_goes_on),
		cmocka_unit_test(new_sentences_that_both_begin_or_end_with_are_taken_once),
		cmocka_unit_test(blanks_changed_on_one_side_stand_beside_the_other_s_words),
		cmocka_unit_test(the_worst_texts_at_the_limit_stay_within_the_bounds_of_work_and_memory),
		cmocka_unit_test(words_that_are_all_different_are_one_edit_without_work),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + run_table();
}
