-- The tables of the chat example: kalam -u root -f examples/chat/schema.sql
CREATE NAMESPACE IF NOT EXISTS chat;
CREATE SHARED TABLE IF NOT EXISTS chat.messages (
  id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(),
  author TEXT NOT NULL DEFAULT CURRENT_USER(),
  body TEXT NOT NULL,
  sent_at TIMESTAMP NOT NULL DEFAULT NOW()
);
-- Who is typing: events that are gone after three seconds, and never on a disk.
CREATE STREAM TABLE IF NOT EXISTS chat.typing (
  author TEXT PRIMARY KEY DEFAULT CURRENT_USER()
) TTL '3s' EPHEMERAL;
