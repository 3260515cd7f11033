-- name: audit_page
-- Lines of a customer, newest first. Who acted is an id or the name of a loop or command; people also have addresses.
SELECT a.id, a.at, a.actor, u.email AS actor_email, a.action, a.subject, a.before, a.after, a.address
FROM audit_log a LEFT JOIN users u ON u.id = a.actor AND u.customer_id = a.customer_id
WHERE a.customer_id = :customer_id
    AND (:action::text IS NULL OR a.action = :action OR starts_with(a.action, :action || '.'))
    AND (:actor::text IS NULL OR a.actor = :actor)
    AND (:subject::text IS NULL OR a.subject = :subject)
    AND (:since::timestamptz IS NULL OR a.at >= :since)
    AND (:until::timestamptz IS NULL OR a.at < :until)
    AND (:before_id::bigint IS NULL OR a.id < :before_id)
ORDER BY a.id DESC LIMIT :most;
