package access

// ValidTenantID tells whether text can be a tenant's id: 1 to 63 lower-case
// letters, digits and '-', beginning with a letter and not ending with '-'.
func ValidTenantID(id string) bool {
	if len(id) > 63 || id == "" || id[len(id)-1] == '-' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
