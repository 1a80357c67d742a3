#include "daemon/tls.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CA_DAYS 3650
#define LEAF_DAYS 397
#define RENEW_DAYS 60
#define HOUR_S 3600
#define DAY_S 86400
#define SERIAL_SIZE 16

/* A certificate and its key while they are being made or read. */
struct pair {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static void pair_close(struct pair *p)
{
	if (p->crt != NULL)
		gnutls_x509_crt_deinit(p->crt);
	if (p->key != NULL)
		gnutls_x509_privkey_deinit(p->key);
	*p = (struct pair){ 0 };
}

static int pair_open(struct pair *p)
{
	*p = (struct pair){ 0 };
	if (gnutls_x509_crt_init(&p->crt) != 0 || gnutls_x509_privkey_init(&p->key) != 0)
		return -1;
	return 0;
}

static int pair_generate(struct pair *p)
{
	return pair_open(p) == 0 &&
		       gnutls_x509_privkey_generate(p->key, GNUTLS_PK_ECDSA,
						    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0
		       ? 0 : -1;
}

/* What authority and centre have in common: version, serial, life, key, name. */
static int crt_begin(struct pair *p, const char *common_name, int64_t now_ms, int days)
{
	const time_t now = (time_t)(now_ms / 1000);
	uint8_t serial[SERIAL_SIZE], key_id[64];
	size_t key_id_len = sizeof key_id;
	int bad = 0;

	randombytes_buf(serial, sizeof serial);
	serial[0] &= 0x7f; /* a serial is positive */
	bad |= gnutls_x509_crt_set_version(p->crt, 3);
	bad |= gnutls_x509_crt_set_serial(p->crt, serial, sizeof serial);
	bad |= gnutls_x509_crt_set_activation_time(p->crt, now - HOUR_S);
	bad |= gnutls_x509_crt_set_expiration_time(p->crt, now + (time_t)days * DAY_S);
	bad |= gnutls_x509_crt_set_key(p->crt, p->key);
	bad |= gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
					     (unsigned)strlen(common_name));
	bad |= gnutls_x509_crt_get_key_id(p->crt, 0, key_id, &key_id_len);
	bad |= gnutls_x509_crt_set_subject_key_id(p->crt, key_id, key_id_len);
	return bad;
}

static int make_ca(struct pair *ca, const char *agency, int64_t now_ms)
{
	char name[65] = "Doorstep authority of ";
	const size_t used = strlen(name);
	size_t len = strlen(agency);

	/* A common name has at most 64 characters; a cut inside one of UTF-8 is taken back. */
	if (len > sizeof name - 1 - used)
		len = sizeof name - 1 - used;
	while (len > 0 && ((unsigned char)agency[len] & 0xc0) == 0x80)
		len--;
	memcpy(name + used, agency, len);
	name[used + len] = '\0';
	return crt_begin(ca, name, now_ms, CA_DAYS) |
	       gnutls_x509_crt_set_basic_constraints(ca->crt, 1, 0) |
	       gnutls_x509_crt_set_key_usage(ca->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN) |
	       gnutls_x509_crt_sign2(ca->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
}

static int add_host(gnutls_x509_crt_t crt, const char *host)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, host, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, 4,
							    GNUTLS_FSAN_APPEND);
	if (inet_pton(AF_INET6, host, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, 16,
							    GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, host,
						    (unsigned)strlen(host), GNUTLS_FSAN_APPEND);
}

static int make_leaf(struct pair *leaf, struct pair *ca, const struct tls_hosts *hosts, int64_t now_ms)
{
	static const char *const always[] = { "localhost", "127.0.0.1", "::1" };
	uint8_t key_id[64];
	size_t key_id_len = sizeof key_id;
	int bad = crt_begin(leaf, "Doorstep centre", now_ms, LEAF_DAYS);

	for (size_t i = 0; i < hosts->count; i++)
		bad |= add_host(leaf->crt, hosts->names[i]);
	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		bad |= add_host(leaf->crt, always[i]);
	bad |= gnutls_x509_crt_set_basic_constraints(leaf->crt, 0, -1);
	bad |= gnutls_x509_crt_set_key_usage(leaf->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	bad |= gnutls_x509_crt_set_key_purpose_oid(leaf->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	bad |= gnutls_x509_crt_get_key_id(ca->crt, 0, key_id, &key_id_len);
	bad |= gnutls_x509_crt_set_authority_key_id(leaf->crt, key_id, key_id_len);
	return bad | gnutls_x509_crt_sign2(leaf->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
}

/* --- files ----------------------------------------------------------------- */

static enum status write_in(const char *keys, const char *name, const void *data, size_t len, bool secret)
{
	char path[FILES_PATH_MAX];
	const enum status st = files_path(path, keys, name);

	return st != ST_OK ? st : files_write(path, data, len, secret);
}

static enum status read_in(const char *keys, const char *name, char **out, size_t *len_out)
{
	char path[FILES_PATH_MAX];
	const enum status st = files_path(path, keys, name);

	return st != ST_OK ? st : files_read(path, TLS_PEM_MAX, out, len_out);
}

static enum status write_key(const char *keys, const char *name, gnutls_x509_privkey_t key)
{
	gnutls_datum_t pem = { 0 };
	enum status st;

	if (gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem) != 0)
		return ST_NOMEM;
	st = write_in(keys, name, pem.data, pem.size, true);
	sodium_memzero(pem.data, pem.size);
	gnutls_free(pem.data);
	return st;
}

/* first, and second behind it where it is not NULL. */
static enum status write_crts(const char *keys, const char *name, gnutls_x509_crt_t first,
			      gnutls_x509_crt_t second)
{
	gnutls_datum_t a = { 0 }, b = { 0 };
	enum status st = ST_NOMEM;
	char *both = NULL;

	if (gnutls_x509_crt_export2(first, GNUTLS_X509_FMT_PEM, &a) != 0)
		goto out;
	if (second != NULL && gnutls_x509_crt_export2(second, GNUTLS_X509_FMT_PEM, &b) != 0)
		goto out;
	both = malloc((size_t)a.size + b.size + 1);
	if (both == NULL)
		goto out;
	memcpy(both, a.data, a.size);
	if (b.size > 0)
		memcpy(both + a.size, b.data, b.size);
	st = write_in(keys, name, both, (size_t)a.size + b.size, false);
out:
	free(both);
	gnutls_free(a.data);
	gnutls_free(b.data);
	return st;
}

static enum status write_seed(const char *keys)
{
	uint8_t secret[32];
	enum status st;

	randombytes_buf(secret, sizeof secret);
	st = write_in(keys, "sign.seed", secret, sizeof secret, true);
	sodium_memzero(secret, sizeof secret);
	return st;
}

static enum status fail_keys(struct failure *why, enum status st)
{
	if (st == ST_FULL || st == ST_READONLY)
		return failure_set(why, st, NULL, NULL, NULL);
	return st == ST_OK ? ST_OK
			   : failure_set(why, st, "The centre's keys could not be made or read.",
					 "No patient's record was touched.",
					 "Check the folder `keys` of the centre: room on the disk, permissions.");
}

enum status tls_found(const char *keys, const char *agency, const struct tls_hosts *hosts,
		      int64_t now_ms, struct failure *why)
{
	struct pair ca = { 0 }, leaf = { 0 };
	enum status st = files_make_folder(keys);

	if (st != ST_OK)
		goto out;
	st = ST_NOMEM;
	if (pair_generate(&ca) != 0 || make_ca(&ca, agency, now_ms) != 0)
		goto out;
	st = ST_INVALID; /* what can fail here is a host that is neither a name nor an address */
	if (pair_generate(&leaf) != 0 || make_leaf(&leaf, &ca, hosts, now_ms) != 0)
		goto out;
	st = write_key(keys, "ca.key", ca.key);
	if (st == ST_OK)
		st = write_crts(keys, "ca.pem", ca.crt, NULL);
	if (st == ST_OK)
		st = write_key(keys, "centre.key", leaf.key);
	if (st == ST_OK)
		st = write_crts(keys, "centre.pem", leaf.crt, ca.crt);
	if (st == ST_OK)
		st = write_seed(keys);
out:
	pair_close(&ca);
	pair_close(&leaf);
	return fail_keys(why, st);
}

/* Do certificate and key belong together, and do the texts parse? */
static bool given_fit(const char *certificate_pem, const char *key_pem, const char *ca_pem)
{
	gnutls_certificate_credentials_t credentials = NULL;
	/* NOLINTBEGIN(performance-no-int-to-ptr): GnuTLS only reads them; this is the way to take off a const. */
	gnutls_datum_t crt = { (unsigned char *)(uintptr_t)certificate_pem, (unsigned)strlen(certificate_pem) };
	gnutls_datum_t key = { (unsigned char *)(uintptr_t)key_pem, (unsigned)strlen(key_pem) };
	gnutls_datum_t ca = { (unsigned char *)(uintptr_t)ca_pem, (unsigned)strlen(ca_pem) };
	/* NOLINTEND(performance-no-int-to-ptr) */
	bool fit = false;

	if (gnutls_certificate_allocate_credentials(&credentials) != 0)
		return false;
	fit = gnutls_certificate_set_x509_key_mem(credentials, &crt, &key, GNUTLS_X509_FMT_PEM) >= 0 &&
	      gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM) >= 1;
	gnutls_certificate_free_credentials(credentials);
	return fit;
}

enum status tls_found_given(const char *keys, const char *certificate_pem, const char *key_pem,
			    const char *ca_pem, struct failure *why)
{
	enum status st = files_make_folder(keys);

	if (!given_fit(certificate_pem, key_pem, ca_pem))
		return failure_set(why, ST_INVALID, "The certificate and key given don't belong together, or are not PEM.",
				   "Nothing was made.", "Give the centre's certificate, its key, and the authority's certificate as PEM files.");
	if (st == ST_OK)
		st = write_in(keys, "ca.pem", ca_pem, strlen(ca_pem), false);
	if (st == ST_OK)
		st = write_in(keys, "centre.key", key_pem, strlen(key_pem), true);
	if (st == ST_OK)
		st = write_in(keys, "centre.pem", certificate_pem, strlen(certificate_pem), false);
	if (st == ST_OK)
		st = write_in(keys, "given", "", 0, false);
	if (st == ST_OK)
		st = write_seed(keys);
	return fail_keys(why, st);
}

static enum status pair_read(struct pair *p, const char *keys, const char *crt_name, const char *key_name)
{
	gnutls_datum_t datum = { 0 };
	char *text = NULL;
	size_t len = 0;
	enum status st;

	if (pair_open(p) != 0)
		return ST_NOMEM;
	st = read_in(keys, crt_name, &text, &len);
	if (st != ST_OK)
		return st;
	datum = (gnutls_datum_t){ (unsigned char *)text, (unsigned)len };
	if (gnutls_x509_crt_import(p->crt, &datum, GNUTLS_X509_FMT_PEM) != 0)
		st = ST_CORRUPT;
	free(text);
	text = NULL;
	if (st == ST_OK)
		st = read_in(keys, key_name, &text, &len);
	if (st != ST_OK)
		return st;
	datum = (gnutls_datum_t){ (unsigned char *)text, (unsigned)len };
	if (gnutls_x509_privkey_import(p->key, &datum, GNUTLS_X509_FMT_PEM) != 0)
		st = ST_CORRUPT;
	sodium_memzero(text, len);
	free(text);
	return st;
}

enum status tls_renew(const char *keys, const struct tls_hosts *hosts, int64_t now_ms,
		      int *renewed_out, struct failure *why)
{
	struct pair ca = { 0 }, old = { 0 }, leaf = { 0 };
	char given[FILES_PATH_MAX];
	enum status st = files_path(given, keys, "given");

	if (renewed_out != NULL)
		*renewed_out = 0;
	if (st != ST_OK || files_exist(given))
		return fail_keys(why, st);
	st = pair_read(&old, keys, "centre.pem", "centre.key");
	if (st != ST_OK || gnutls_x509_crt_get_expiration_time(old.crt) >
				   (time_t)(now_ms / 1000) + (time_t)RENEW_DAYS * DAY_S)
		goto out;
	st = pair_read(&ca, keys, "ca.pem", "ca.key");
	if (st != ST_OK)
		goto out;
	/* The key stays: one file to replace, and no moment where both don't fit. */
	st = ST_NOMEM;
	if (pair_open(&leaf) != 0 || gnutls_x509_privkey_cpy(leaf.key, old.key) != 0 ||
	    make_leaf(&leaf, &ca, hosts, now_ms) != 0)
		goto out;
	st = write_crts(keys, "centre.pem", leaf.crt, ca.crt);
	if (st == ST_OK && renewed_out != NULL)
		*renewed_out = 1;
out:
	pair_close(&ca);
	pair_close(&old);
	pair_close(&leaf);
	return fail_keys(why, st);
}

static enum status ca_to_der(struct tls_keys *keys)
{
	gnutls_datum_t pem = { (unsigned char *)keys->ca_pem, (unsigned)strlen(keys->ca_pem) };
	gnutls_datum_t der = { 0 };
	gnutls_x509_crt_t crt = NULL;
	enum status st = ST_CORRUPT;

	if (gnutls_x509_crt_init(&crt) != 0)
		return ST_NOMEM;
	if (gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM) == 0 &&
	    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) == 0) {
		keys->ca_der = malloc(der.size);
		st = keys->ca_der == NULL ? ST_NOMEM : ST_OK;
		if (st == ST_OK)
			memcpy(keys->ca_der, der.data, der.size);
		keys->ca_der_len = der.size;
	}
	gnutls_free(der.data);
	gnutls_x509_crt_deinit(crt);
	return st;
}

static enum status load_secret(uint8_t out[32], const char *keys, const char *name)
{
	char *data = NULL;
	size_t len = 0;
	enum status st = read_in(keys, name, &data, &len);

	if (st != ST_OK)
		return st;
	if (len == 32)
		memcpy(out, data, 32);
	else
		st = ST_CORRUPT;
	sodium_memzero(data, len);
	free(data);
	return st;
}

enum status tls_keys_load(struct tls_keys *out, const char *keys, struct failure *why)
{
	struct tls_keys k = { 0 };
	size_t len = 0;
	enum status st = read_in(keys, "centre.pem", &k.certificate_pem, &len);

	if (st == ST_OK)
		st = read_in(keys, "centre.key", &k.key_pem, &len);
	if (st == ST_OK)
		st = read_in(keys, "ca.pem", &k.ca_pem, &len);
	if (st == ST_OK)
		st = ca_to_der(&k);
	if (st == ST_OK)
		st = load_secret(k.sign_seed, keys, "sign.seed");
	if (st == ST_OK)
		*out = k;
	else
		tls_keys_close(&k);
	return fail_keys(why, st);
}

void tls_keys_close(struct tls_keys *k)
{
	if (k == NULL)
		return;
	if (k->key_pem != NULL)
		sodium_memzero(k->key_pem, strlen(k->key_pem));
	free(k->certificate_pem);
	free(k->key_pem);
	free(k->ca_pem);
	free(k->ca_der);
	sodium_memzero(k, sizeof *k);
}
