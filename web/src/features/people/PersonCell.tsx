import { Face } from '@/ui/Face';
import text from '@/ui/text.module.css';
import classes from './PersonCell.module.css';

/** A name and its address, one above the other; the address alone of somebody whose name nobody knows yet. */
export function PersonCell({ name, email }: { name: string; email: string }) {
  return (
    <div className={classes.person}>
      <Face name={name || email} />
      <div className={classes.words}>
        <div className={text.strong}>{name || email}</div>
        {name !== '' && <div className={text.note}>{email}</div>}
      </div>
    </div>
  );
}
